"""Rank and size from each launcher's environment."""

import pytest

from caps_hvd.distributed.environment import launched_rank, launched_size


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (0, 1)),
        ({"HOROVOD_RANK": "3", "HOROVOD_SIZE": "4"}, (3, 4)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, (1, 2)),
        ({"PMI_RANK": "5", "PMI_SIZE": "8"}, (5, 8)),
        ({"PMIX_RANK": "2", "SLURM_STEP_NUM_TASKS": "3"}, (2, 3)),
        ({"SLURM_PROCID": "6", "SLURM_STEP_NUM_TASKS": "7"}, (6, 7)),
        # A batch script is one process, however many tasks the job has.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "16"}, (0, 1)),
        # mpirun in a Slurm allocation: the daemon's step does not count.
        (
            {
                "SLURM_PROCID": "0",
                "SLURM_STEP_NUM_TASKS": "2",
                "OMPI_COMM_WORLD_RANK": "9",
                "OMPI_COMM_WORLD_SIZE": "10",
            },
            (9, 10),
        ),
        ({"PMI_RANK": "x", "PMI_SIZE": "2"}, (0, 1)),
        ({"PMI_RANK": "2", "PMI_SIZE": "2"}, (0, 1)),
    ],
)
def test_launched(environ, expected):
    assert (launched_rank(environ), launched_size(environ)) == expected
