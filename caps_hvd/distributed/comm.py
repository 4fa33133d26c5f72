"""The ranks of this job: who they are, and collectives between them.

    from caps_hvd.distributed import comm

    ranks = comm.init()
    with ranks.together():  # a failure on any rank is raised on all of them
        data = load(rank=ranks.rank, size=ranks.size)
    mean_loss = ranks.allreduce(loss)

A single process gets the same interface with neither Horovod nor mpi4py installed, on any Keras
backend.
"""

from caps_hvd.distributed.communicator import Communicator, Peer
from caps_hvd.distributed.launched import launched_rank, launched_size

__all__ = ["Communicator", "Peer", "init", "initialized", "launched_rank", "launched_size"]

_communicator: Communicator | None = None


def initialized() -> Communicator | None:
    """The communicator that `init` made, or None before."""
    return _communicator


def init() -> Communicator:
    """Join the job: the communicator of this process.  All ranks call it; later calls are free.

    Raises:
        SetupError: more than one rank was launched and Horovod cannot be imported.
        DistributedError: the launcher and Horovod do not agree on the number of ranks, or the
            Keras backend is not TensorFlow, the only one that Horovod can carry.
    """
    global _communicator
    if _communicator is None:
        launched = launched_size()
        _communicator = (
            Communicator(peers=(Peer.this(),)) if launched == 1 else _start_ranks(launched)
        )
    return _communicator


def _start_ranks(launched):
    from caps_hvd.distributed import horovod_communicator

    return horovod_communicator.start(launched)
