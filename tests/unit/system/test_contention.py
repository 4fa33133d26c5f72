"""What others take is counted on the cores that this program may use."""

import collections

import psutil
import pytest

from caps_hvd.system import contention
from caps_hvd.system.contention import CpuContention

Core = collections.namedtuple("Core", "user nice system idle iowait guest")


@pytest.fixture
def machine(monkeypatch):
    """Four cores of which this program may use two, for ten seconds; it uses three of them."""
    now = {"cores": [Core(0, 0, 0, 0, 0, 0)] * 4, "seconds": 0.0, "own": 0.0}
    monkeypatch.setattr(contention.os, "sched_getaffinity", lambda _: {1, 2})
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: now["cores"])
    monkeypatch.setattr(contention.time, "perf_counter", lambda: now["seconds"])
    monkeypatch.setattr(contention.time, "process_time", lambda: now["own"])
    return now


QUIET, OWN, BUSY = Core(0, 0, 0, 9, 1, 0), Core(3, 0, 0, 7, 0, 0), Core(10, 0, 0, 0, 0, 5)


def test_other_cores_do_not_matter(machine, capsys):
    made = CpuContention()
    machine.update(cores=[BUSY, OWN, QUIET, BUSY], seconds=10.0, own=3.0)
    made.warn()
    assert capsys.readouterr().err == ""


def test_says_what_others_take(machine, capsys):
    made = CpuContention()
    machine.update(cores=[QUIET, OWN, BUSY, QUIET], seconds=10.0, own=3.0)
    made.warn()  # ten seconds of twenty
    assert "other programs used 50 % of the cores meanwhile" in capsys.readouterr().err


def test_cores_of_a_container_that_have_other_numbers(machine, monkeypatch, capsys):
    monkeypatch.setattr(contention.os, "sched_getaffinity", lambda _: {6, 7})
    made = CpuContention()
    machine.update(cores=[QUIET, OWN, BUSY, QUIET], seconds=10.0, own=3.0)
    made.warn()  # ten seconds of forty
    assert "other programs used 25 % of the cores meanwhile" in capsys.readouterr().err
