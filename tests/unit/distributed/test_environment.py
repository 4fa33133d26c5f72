"""Rank and size from each launcher's environment."""

import pytest

from caps_hvd.distributed import environment
from caps_hvd.distributed.environment import check_launcher, launched_rank, launched_size
from caps_hvd.errors import ConfigError


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


OF_PMI = {"PMI_RANK": "0", "PMI_SIZE": "2", "PMI_FD": "11"}
OF_SRUN = {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (OF_SRUN, "SLURM_PROCID: expected a launcher that offers PMIx, which this environment's "
         "Open MPI needs, received one that offers none; start with `srun --mpi=pmix` ("),
        (OF_SRUN | OF_PMI, "PMI_RANK: expected a launcher that offers PMIx, which this "
         "environment's Open MPI needs, received one that offers PMI alone; start with `srun --m"),
        (OF_PMI, "offers PMI alone; start with this environment's mpirun, or with `caps-hvd lau"),
    ],
)  # fmt: skip
def test_a_launcher_without_pmix_is_found_out_before_mpi_starts(monkeypatch, environ, words):
    monkeypatch.setattr(environment, "_has_wheel_of_open_mpi", lambda: True)
    with pytest.raises(ConfigError) as caught:
        check_launcher(environ)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setattr(environment, "_has_wheel_of_open_mpi", lambda: False)
    check_launcher(environ)  # a site's MPI may speak it


@pytest.mark.parametrize(
    "environ",
    [
        {},
        OF_SRUN | {"PMIX_RANK": "0", "PMIX_NAMESPACE": "slurm.pmix.7.0"},
        OF_SRUN | {"SLURM_STEP_NUM_TASKS": "1"},
        {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "2"},  # the job's script
        OF_SRUN | {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"},
        OF_PMI | {"HOROVOD_RANK": "1", "HOROVOD_SIZE": "2"},  # over Gloo
    ],
)
def test_a_launcher_that_will_do(monkeypatch, environ):
    monkeypatch.setattr(environment, "_has_wheel_of_open_mpi", lambda: True)
    check_launcher(environ)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PMI_RANK": "2", "PMI_SIZE": "2"}, "PMI_RANK: expected a number below PMI_SIZE (2), rec"),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "4"}, "received '5'; unset what another"),
        ({"HOROVOD_RANK": "x", "HOROVOD_SIZE": "2"}, "HOROVOD_RANK: expected a number below"),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": ""}, "OMPI_COMM_WORLD_SIZE ()"),
    ],
)
def test_a_rank_that_cannot_be_is_named(environ, words):
    """Every rank would otherwise train alone."""
    with pytest.raises(ConfigError) as caught:
        check_launcher(environ)
    assert words in str(caught.value)
