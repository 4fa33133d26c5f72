"""Rank and number of ranks as the launcher gives them, read from the environment alone.

Nothing is imported and nothing is initialised, so that the command line can let rank 0 alone speak
before TensorFlow or Horovod have been loaded, and on a login node.
"""

import os
from collections.abc import Mapping

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


def _launched(environ):
    for rank_name, size_name in _LAUNCHERS:
        rank, size = environ.get(rank_name, ""), environ.get(size_name, "")
        if rank.isdigit() and size.isdigit() and int(rank) < int(size):
            return int(rank), int(size)
    return 0, 1
