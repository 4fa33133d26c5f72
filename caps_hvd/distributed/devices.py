"""The binding of ranks to cores and GPUs of their own."""

import os
from pathlib import Path

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import DistributedError
from caps_hvd.system.backend import keras_backend

_TOPOLOGY = Path("/sys/devices/system/cpu")


def pin_cpus(communicator: Communicator) -> tuple[int, ...]:
    """Binds this process to its share of cores, unless the launcher has bound the ranks.

    Ranks of a host that may all use the same cores get consecutive slices of them by local rank,
    hardware threads of one core and cores of one socket together.  mpirun binds by itself (one
    core for up to two ranks), horovodrun over Gloo does not. Threads started before the call,
    such as Horovod's own, stay free.

    Returns:
        The cores that this process may now use.
    """
    peers = communicator.local_peers
    if peers is None or not hasattr(os, "sched_setaffinity"):
        return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
    own = communicator.peers[communicator.rank].cores
    shared = len(peers) > 1 and all(peer.cores == own for peer in peers)
    if not shared or len(own) < len(peers):
        return own
    mine = core_slice(sorted(own, key=_place), communicator.local_rank, len(peers))
    os.sched_setaffinity(0, mine)
    return tuple(sorted(mine))


def core_slice(cores: list[int], index: int, parts: int) -> list[int]:
    """Part `index` of `parts` nearly equal consecutive parts.

    Example:
        >>> core_slice([0, 1, 2, 3, 4], 1, 2)
        [2, 3, 4]
    """
    return cores[len(cores) * index // parts : len(cores) * (index + 1) // parts]


def pin_gpu(communicator: Communicator) -> int | None:
    """Lets this rank see the one GPU that is its own, by local rank, and grow memory as needed.

    Call it before TensorFlow has run anything. A launcher may have given each rank one GPU by
    CUDA_VISIBLE_DEVICES (Slurm's --gpus-per-task); that one is then taken.

    Returns:
        The index of the GPU among those visible, or None on a machine without GPUs.

    Raises:
        DistributedError: fewer GPUs than ranks on this host, or TensorFlow is running already.
    """
    if keras_backend() != "tensorflow":
        return None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    index = gpu_index(communicator, len(gpus))
    try:
        tf.config.set_visible_devices(gpus[index], "GPU")
        tf.config.experimental.set_memory_growth(gpus[index], True)
    except RuntimeError as error:
        raise DistributedError(
            "GPU: expected to be chosen before TensorFlow runs anything; call pin_gpu() right "
            "after comm.init()"
        ) from error
    return index


def has_gpu() -> bool:
    """Whether TensorFlow has a GPU, on which steps run behind Python."""
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))


def wait_for_gpus() -> None:
    """Waits until the GPUs have done what they were given; on CPUs nothing runs behind Python."""
    if has_gpu():
        import tensorflow as tf

        tf.test.experimental.sync_devices()


def gpu_index(communicator: Communicator, gpus: int) -> int:
    """Which of `gpus` visible GPUs is this rank's."""
    if communicator.local_rank < gpus and communicator.local_size <= gpus:
        return communicator.local_rank
    given = [peer.gpus for peer in communicator.local_peers or ()]
    if gpus == 1 and len(given) == len(set(given)) == communicator.local_size and all(given):
        return 0  # every rank sees another one
    raise DistributedError(
        f"GPU: expected one for each of the {communicator.local_size} ranks on this host, received "
        f"{gpus}; start fewer ranks per host, or hide the GPUs with CUDA_VISIBLE_DEVICES=''"
    )


def _place(core):
    """Sort key: socket, physical core, hardware thread."""
    folder = _TOPOLOGY / f"cpu{core}" / "topology"
    try:
        socket = int((folder / "physical_package_id").read_text())
        physical = int((folder / "core_id").read_text())
    except (OSError, ValueError):
        socket = physical = 0
    return socket, physical, core
