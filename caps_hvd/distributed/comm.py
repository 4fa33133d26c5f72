"""The entry to distributed training: the communicator of this process, and grids of ranks.

    from caps_hvd.distributed import comm

    ranks = comm.init()
    with ranks.raise_on_all_ranks():  # a failure on any rank is raised on all of them
        data = load(rank=ranks.rank, size=ranks.size)
    mean_loss = ranks.allreduce(loss)

A single process gets the same interface with neither Horovod nor mpi4py installed, on any Keras
backend.
"""

import os
from dataclasses import dataclass

from caps_hvd.distributed.communicator import Communicator, Peer
from caps_hvd.distributed.environment import check_launcher, launched_size
from caps_hvd.distributed.environment import launched_rank as launched_rank
from caps_hvd.distributed.settings import settings
from caps_hvd.errors import ConfigError, DistributedError, SetupError
from caps_hvd.system.backend import keras_backend, missed_onednn
from caps_hvd.system.installation import advice

_communicator: Communicator | None = None


def initialized() -> Communicator | None:
    """The communicator that `init` made, or None before."""
    return _communicator


def init(group_size: int = 1) -> Communicator:
    """Joins the job, and returns the communicator of this process.

    All ranks call it; later calls are free.

    Args:
        group_size: A divisor of the number of ranks, the same on all of them. Ranks are divided
            into groups of as many consecutive ones, and those of a group, and those at the same
            place of all groups, can also communicate by themselves; see `rank_grid`. Defaults to 1.

    Raises:
        ConfigError: the groups cannot be of one size, or the launcher's variables do not fit.
        SetupError: more than one rank was launched and Horovod cannot be imported.
        DistributedError: the launcher and Horovod do not agree on the number of ranks, or the
            Keras backend is not TensorFlow, the only one that Horovod can carry.
    """
    global _communicator
    if _communicator is None:
        check_launcher()
        launched = launched_size()
        _check_group_size(launched, group_size)
        if launched == 1:
            _communicator = Communicator(peers=(Peer.this(),))
        else:
            _communicator = _start(launched, group_size)
        if advice := missed_onednn():
            _communicator.print(f"caps_hvd: {advice}")
    return _communicator


@dataclass(frozen=True)
class RankGrid:
    """The ranks of a job as a grid: groups of one size, and ranks at one place of all groups.

    Attributes:
        world: All of them.
        within: Those of this rank's group; its rank there is its place in the group.
        across: Those at this place of all groups; its rank there is the number of its group.
    """

    world: Communicator
    within: Communicator
    across: Communicator


def rank_grid(communicator: Communicator, group_size: int) -> RankGrid:
    """Divides ranks into groups of `group_size` consecutive ones, which `init` was told about.

    The last collective of a program should be one of all ranks: a rank that ends takes Horovod from
    the others, even if they are still at one of their own.

    Example:
        >>> ranks = rank_grid(init(group_size=2), 2)  # rank 3 of 4
        >>> ranks.within.rank, ranks.across.rank
        (1, 1)
    """
    _check_group_size(communicator.size, group_size)
    first = communicator.rank - communicator.rank % group_size
    place = communicator.rank % group_size
    return RankGrid(
        communicator,
        communicator.subset(range(first, first + group_size)),
        communicator.subset(range(place, communicator.size, group_size)),
    )


def groups(launched: int, group_size: int) -> list[tuple[int, ...]]:
    """Sets of ranks that communicate without the others: groups, and those at one place of each.

    Example:
        >>> groups(4, 2)
        [(0, 1), (2, 3), (0, 2), (1, 3)]
    """
    if group_size in (1, launched):
        return []
    every = range(launched)
    consecutive = [tuple(every[first : first + group_size]) for first in every[::group_size]]
    return consecutive + [tuple(every[place::group_size]) for place in range(group_size)]


def _check_group_size(ranks, group_size) -> None:
    if group_size < 1 or ranks % group_size:
        raise ConfigError(f"group_size: expected a divisor of {ranks} ranks, received {group_size}")


def _start(launched, group_size) -> Communicator:
    if keras_backend() != "tensorflow":
        raise DistributedError(
            f"KERAS_BACKEND: expected tensorflow for {launched} ranks, received {keras_backend()}; "
            "start one process, or unset KERAS_BACKEND"
        )
    for name, value in settings(launched, os.environ).items():
        os.environ.setdefault(name, value)  # what the user has set stays
    try:
        from caps_hvd.distributed import horovod
    except ImportError as error:
        raise SetupError(
            f"{launched} ranks were launched, but Horovod cannot be imported ({error}); "
            f"{advice('distributed')} (`caps-hvd doctor` says what is missing)"
        ) from error
    return horovod.start(launched, groups(launched, group_size))


split = rank_grid  # its name before 0.2; kept for programs of users for one release
