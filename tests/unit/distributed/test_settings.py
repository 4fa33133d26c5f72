"""What Horovod and Open MPI are told before they start."""

import pytest

from caps_hvd.distributed.settings import settings

ALGORITHM = "OMPI_MCA_coll_tuned_allreduce_algorithm"


@pytest.mark.parametrize(
    ("ranks", "environ", "ring"),
    [
        (5, {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, True),
        (64, {"OMPI_COMM_WORLD_LOCAL_SIZE": "8"}, True),
        (5, {"OMPI_COMM_WORLD_LOCAL_SIZE": "5"}, False),
        (5, {"SLURM_NNODES": "5"}, True),
        (5, {"SLURM_NNODES": "1"}, False),
        (5, {}, False),
        (2, {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, False),
        (65, {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, False),
        (5, {"OMPI_COMM_WORLD_LOCAL_SIZE": "1", ALGORITHM: "6"}, False),
    ],
)
def test_a_ring_between_a_few_hosts(ranks, environ, ring):
    found = settings(ranks, environ)
    assert (found.get(ALGORITHM) == "4") is ring
    assert found["OMPI_MCA_mpi_yield_when_idle"] == "1"
