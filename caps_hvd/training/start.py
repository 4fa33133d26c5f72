"""The start of a job's ranks: communicator, Keras, and each rank's share of its host."""

from collections.abc import Callable
from typing import TypeVar

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed import comm
from caps_hvd.distributed.comm import Communicator
from caps_hvd.records.record import Machine
from caps_hvd.system.backend import keras_backend, onednn_is_on, start_keras
from caps_hvd.system.host import cpu_model

_Found = TypeVar("_Found")


def start_ranks(
    config: TrainConfig, examine: Callable[[Communicator], _Found], group_size: int = 1
) -> tuple[Communicator, Machine, _Found]:
    """Starts Keras on every rank; collective.

    What is asked for is examined as early as a mistake in it can be told: in a single process
    before Keras has loaded, which takes seconds; on several ranks after it, since TensorFlow
    carries what they tell each other.

    Args:
        config: of the run, for its threads.
        examine: looks at what is asked for, and raises an error or returns what it has found.
        group_size: ranks of a team. Default 1.

    Returns:
        The communicator of all ranks, the machine they run on, and what was found.
    """
    if comm.launched_size() > 1:
        start_keras()  # before Horovod loads TensorFlow, which then would print its messages
    communicator = comm.init(group_size)
    if communicator.size == 1:
        found = examine(communicator)
        return communicator, _start_rank(config, communicator), found
    machine = _start_rank(config, communicator)
    return communicator, machine, examine(communicator)


def _start_rank(config, communicator) -> Machine:
    """Loads Keras, and gives this rank its threads, cores and device."""
    start_keras()
    from caps_hvd.distributed import pin_cpus, pin_gpu, use_threads

    threads = use_threads(communicator, config.threads)
    pin_cpus(communicator)
    gpu = pin_gpu(communicator)
    local = communicator.local_peers or ()
    return Machine(
        hosts=[peer.host for peer in communicator.peers or ()],
        cpu_model=cpu_model(),
        cores_per_host=len({core for peer in local for core in peer.cores}),
        device="cpu" if gpu is None else "gpu",
        ranks=communicator.size,
        threads_per_rank=threads,
        backend=communicator.backend,
        onednn=onednn_is_on() if keras_backend() == "tensorflow" else None,
    )
