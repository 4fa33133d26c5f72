"""Who is alive: processes of this host, jobs of a pretended Slurm, and what is not known."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from caps_hvd.errors import SetupError
from caps_hvd.system import liveness, slurm_queue


@pytest.fixture
def slurm(monkeypatch):
    """Job -> state, as Slurm would say."""
    states = {}

    def answer(jobs):
        return {job: states.get(job, "unknown") for job in jobs}

    monkeypatch.setattr(slurm_queue, "states", answer)
    monkeypatch.setattr(slurm_queue, "cluster", lambda: "here")
    return states


def job(**names):
    """A worker of a job on another host."""
    return liveness.describe({"SLURM_CLUSTER_NAME": "here", **names}) | {"host": "elsewhere"}


def test_a_process_is_alive_until_it_ends():
    own = json.loads(json.dumps(liveness.describe({})))
    assert {"host", "pid", "started", "user"} <= set(own)
    assert liveness.are_alive([own]) == [True]
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait(60)
    assert liveness.are_alive([own, own | {"pid": process.pid}]) == [True, False]


def test_a_process_that_has_its_number_from_another_one_is_not_it():
    own = liveness.describe({})
    assert liveness.are_alive([own | {"started": own["started"] - 1}]) == [False]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_start_is_the_same_for_all_who_ask():
    with subprocess.Popen(["sleep", "60"]) as process:
        # proc_pid_stat(5): field 22, in ticks since the boot
        ticks = int(Path(f"/proc/{process.pid}/stat").read_text().split()[21])
        named = liveness.describe({}) | {"pid": process.pid, "started": ticks}
        assert liveness.are_alive([named, named | {"started": ticks + 1}]) == [True, False]
        process.kill()


@pytest.mark.parametrize("other", ["host", "machine", "pid_namespace"])
def test_one_name_of_two_machines_or_containers_says_nothing(other):
    own = liveness.describe({})
    assert liveness.are_alive([own | {other: "another", "pid": 2**22 + 1}]) == [None]


def test_whoever_was_started_before_the_last_boot_is_gone(monkeypatch):
    monkeypatch.setattr(liveness, "_MACHINE", Path(__file__))
    own = liveness.describe({})
    assert liveness.are_alive([own | {"boot": "before"}]) == [False]
    monkeypatch.setattr(liveness, "_MACHINE", Path("/nowhere"))  # maybe another machine's boot
    own = liveness.describe({})
    assert liveness.are_alive([own | {"boot": "before"}]) == [None]


def test_of_a_process_that_may_not_be_looked_at_nothing_is_known(monkeypatch):
    def refuse(process):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", refuse)
    assert liveness.are_alive([liveness.describe({})]) == [None]


def test_without_proc_a_start_is_a_time_of_the_day(monkeypatch):
    monkeypatch.setattr(liveness, "_PROC", Path("/nowhere"))
    own = liveness.describe({})
    assert "boot" not in own and own["started"] == psutil.Process().create_time()
    assert liveness.are_alive([own, own | {"started": own["started"] - 60}]) == [True, False]


def test_of_another_host_nothing_is_known():
    assert liveness.are_alive([liveness.describe({}) | {"host": "elsewhere"}]) == [None]


def test_a_job_of_slurm_speaks_for_its_processes(slurm):
    elsewhere = job(SLURM_JOB_ID="7")
    assert elsewhere["slurm_job"] == "7"
    assert liveness.are_alive([elsewhere]) == [False]  # Slurm no longer knows it
    expected = {"running": True, "pending": False, "failed": False, "finished": False}
    for state, alive in expected.items():
        slurm["7"] = state
        assert liveness.are_alive([elsewhere]) == [alive]


def test_a_task_of_an_array_is_a_job(slurm):
    found = job(SLURM_JOB_ID="9", SLURM_ARRAY_JOB_ID="8", SLURM_ARRAY_TASK_ID="3")
    slurm["8_3"] = "running"
    assert (found["slurm_job"], liveness.are_alive([found])) == ("8_3", [True])


def test_a_job_that_was_requeued_is_another_worker(slurm, monkeypatch):
    before = job(SLURM_JOB_ID="7")
    slurm["7"] = "running"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert liveness.are_alive([before]) == [False]


def test_of_another_cluster_nothing_is_known(slurm, monkeypatch):
    elsewhere = job(SLURM_JOB_ID="7", SLURM_CLUSTER_NAME="there")
    slurm["7"] = "finished"
    assert liveness.are_alive([elsewhere]) == [None]
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "there")
    assert liveness.are_alive([elsewhere]) == [False]


def test_what_slurm_may_hide_is_not_known(slurm):
    elsewhere = job(SLURM_JOB_ID="7") | {"user": -1}
    assert liveness.are_alive([elsewhere]) == [None]
    slurm["7"] = "finished"
    assert liveness.are_alive([elsewhere]) == [False]


def test_where_slurm_cannot_be_asked_nothing_is_known(monkeypatch):
    def fail(jobs):
        raise SetupError("squeue: not on PATH")

    monkeypatch.setattr(slurm_queue, "states", fail)
    assert liveness.are_alive([job(SLURM_JOB_ID="7")]) == [None]
