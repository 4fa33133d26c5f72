"""Threads, cores and GPUs by local rank."""

import sys
import types

import pytest

from caps_hvd.distributed import threads
from caps_hvd.distributed.comm import Communicator, Peer
from caps_hvd.distributed.devices import core_slice, gpu_index
from caps_hvd.distributed.threads import available_cores
from caps_hvd.errors import ConfigError, DistributedError


def rank(index, *peers):
    """The communicator of one of several ranks on one host."""
    return Communicator(index, len(peers), index, len(peers), "mpi", False, peers)


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ([(0, 1, 2, 3)], [4]),
        ([(0, 1, 2, 3)] * 2, [2, 2]),
        ([(0, 1), (2, 3)], [2, 2]),
        ([(0,), (0,), (0,)], [1, 1, 1]),
        ([(0, 1, 2, 3), (0,)], [3, 1]),
        ([(0, 1, 2)] * 2, [1, 1]),
    ],
)
def test_cores_of_each_rank(masks, expected, monkeypatch):
    monkeypatch.setattr(threads, "cpu_quota", lambda: float("inf"))
    peers = [Peer("h", mask) for mask in masks]
    assert [available_cores(rank(i, *peers)) for i in range(len(peers))] == expected


def test_ranks_of_other_hosts_do_not_count(monkeypatch):
    monkeypatch.setattr(threads, "cpu_quota", lambda: float("inf"))
    peers = (Peer("a", (0, 1)), Peer("b", (0, 1)))
    assert available_cores(Communicator(1, 2, 0, 1, "gloo", False, peers)) == 2


def test_a_container_quota_bounds_the_cores(monkeypatch):
    monkeypatch.setattr(threads, "cpu_quota", lambda: 2.5)
    assert available_cores(rank(0, Peer("h", tuple(range(8))))) == 2


def test_threads_out_of_range():
    with pytest.raises(ConfigError, match="threads: expected an integer >= 1"):
        threads.use_threads(Communicator(), 0)


@pytest.mark.parametrize(("ranks", "threads_asked", "beside"), [(1, 1, 1), (2, 1, 2), (2, 3, 3)])
def test_operations_run_beside_each_other_where_one_may_wait(
    ranks, threads_asked, beside, monkeypatch
):
    told = {}
    threading = types.SimpleNamespace(
        set_intra_op_parallelism_threads=lambda count: told.update(inside=count),
        set_inter_op_parallelism_threads=lambda count: told.update(beside=count),
    )
    fake = types.SimpleNamespace(config=types.SimpleNamespace(threading=threading))
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.use_threads(Communicator(size=ranks), threads_asked) == threads_asked
    assert told == {"inside": threads_asked, "beside": beside}


def test_slices_cover_all_cores_once():
    parts = [core_slice(list(range(7)), i, 3) for i in range(3)]
    assert [core for part in parts for core in part] == list(range(7))
    assert sorted(map(len, parts)) == [2, 2, 3]


def test_gpu_by_local_rank():
    peers = [Peer("h", (0,), "0,1")] * 2
    assert [gpu_index(rank(i, *peers), 2) for i in range(2)] == [0, 1]


def test_gpu_given_by_the_launcher():
    assert gpu_index(rank(1, Peer("h", (0,), "0"), Peer("h", (0,), "1")), 1) == 0


@pytest.mark.parametrize("visible", ["", "0"])
def test_fewer_gpus_than_ranks(visible):
    with pytest.raises(DistributedError, match="GPU: expected one for each of the 2 ranks"):
        gpu_index(rank(1, *[Peer("h", (0,), visible)] * 2), 1)
