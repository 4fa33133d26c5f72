"""One process: the same interface, no Horovod, no MPI."""

import subprocess
import sys

import numpy as np
import pytest

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import DataError, DistributedError, RunError


def test_collectives_give_back_what_they_get():
    alone = Communicator()
    assert (alone.rank, alone.size, alone.local_rank, alone.local_size) == (0, 1, 0, 1)
    assert alone.backend == "none"
    assert len(alone.hosts) == 1
    result = alone.allreduce(np.array([1, 2]))
    assert result.dtype == np.float64
    assert result.tolist() == [1.0, 2.0]
    assert alone.allreduce(3, "sum") == 3
    assert alone.allgather_object("x") == ["x"]
    assert alone.broadcast_object("x") == "x"
    assert alone.allgather(np.ones(2)).tolist() == [1.0, 1.0]
    alone.broadcast_variables([])
    alone.barrier()
    assert alone.barrier(timeout=0.0)


def test_unknown_reduction():
    with pytest.raises(DistributedError, match=r"op: expected one of average, .* received 'mean'"):
        Communicator().allreduce(1.0, "mean")


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (DataError("broken"), DataError, "broken"),
        (OSError(28, "No space left on device", "/run/x"), RunError, "No space left.*: /run/x"),
        (MemoryError(), RunError, "out of memory"),
    ],
)
def test_together_turns_failures_into_one_line(raised, expected, message):
    with pytest.raises(expected, match=message), Communicator().raise_on_all_ranks():
        raise raised


def test_together_lets_bugs_through():
    with pytest.raises(KeyError), Communicator().raise_on_all_ranks():
        raise KeyError("bug")


PROGRAM = """
import sys
for name in ("horovod", "mpi4py", "tensorflow"):
    sys.modules[name] = None  # importing it fails
from caps_hvd.distributed import comm
ranks = comm.init()
assert comm.init() is ranks is comm.initialized()
assert ranks.size == 1 and ranks.backend == "none"
"""


def test_one_process_needs_neither_horovod_nor_tensorflow():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_horovod_needs_the_tensorflow_backend():
    program = "from caps_hvd.distributed import comm; comm.init()"
    environ = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2", "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "KERAS_BACKEND: expected tensorflow for 2 ranks, received jax" in done.stderr
