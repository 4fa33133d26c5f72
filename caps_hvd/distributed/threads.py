"""The size of thread pools: as many threads per rank as the rank has cores.

TensorFlow takes a thread for every core of the machine in every process. Several ranks on one
machine would then fight for the same cores, each with pools for all of them.
"""

import math
import os

from caps_hvd.distributed.comm import Communicator, Peer
from caps_hvd.errors import ConfigError, DistributedError
from caps_hvd.system.backend import keras_backend
from caps_hvd.system.host import cpu_quota


def use_threads(communicator: Communicator, threads: int | None = None) -> int:
    """Sizes the thread pools of TensorFlow and OpenMP for the cores that this rank may use.

    Call it before TensorFlow has run anything. Under PyTorch its own pool is sized; under JAX only
    OMP_NUM_THREADS is set.

    Args:
        communicator: From `comm.init()`.
        threads: Threads to use, >= 1; default: `available_cores`.

    Returns:
        The number of threads.

    Raises:
        ConfigError: `threads` is below 1.
        DistributedError: TensorFlow is running already.
    """
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ConfigError(f"threads: expected an integer >= 1 or nothing, received {threads!r}")
    count = threads or available_cores(communicator)
    os.environ["OMP_NUM_THREADS"] = str(count)
    if keras_backend() == "tensorflow":
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(count)
            # An operation that waits for another rank must not be all that runs.
            least = 1 if communicator.size == 1 else 2
            tf.config.threading.set_inter_op_parallelism_threads(max(least, count))
        except RuntimeError as error:
            raise DistributedError(
                "threads: expected to be set before TensorFlow runs anything, received "
                f"{count} after; call use_threads() right after comm.init()"
            ) from error
    elif keras_backend() == "torch":
        import torch

        torch.set_num_threads(count)
    return count


def available_cores(communicator: Communicator) -> int:
    """Returns the cores for this rank: those it may use, shared with ranks that may use them too.

    A core that n ranks of this host may use counts 1/n. A container's CPU quota bounds the sum of
    the ranks. At least 1.

    Example:
        Two ranks, both allowed on cores 0 to 3: 2 each. One bound to 0-1, the other to 2-3: 2
        each as well.
    """
    peers = communicator.local_peers
    own = communicator.peers[communicator.rank] if communicator.peers else Peer.this()
    if peers is None or len(peers) != communicator.local_size:
        # Nothing is known of the others: take them to share what this rank has.
        share = len(own.cores) / communicator.local_size
    else:
        share = sum(1 / sum(core in peer.cores for peer in peers) for core in own.cores)
    return max(1, math.floor(min(share, cpu_quota() / communicator.local_size) + 1e-9))
