"""Who is alive: processes of this host, jobs of a pretended Slurm, and what is not known."""

import json
import subprocess
import sys

import pytest

from caps_hvd import worker
from caps_hvd.errors import SetupError
from caps_hvd.launch import slurm_queue


@pytest.fixture
def slurm(monkeypatch):
    """Job -> state, as Slurm would say."""
    states = {}

    def answer(jobs):
        return {job: states.get(job, "unknown") for job in jobs}

    monkeypatch.setattr(slurm_queue, "states", answer)
    return states


def test_a_process_is_alive_until_it_ends():
    own = json.loads(json.dumps(worker.describe({})))
    assert sorted(own) == ["host", "pid", "started"]
    assert worker.are_alive([own]) == [True]
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait(60)
    assert worker.are_alive([own, own | {"pid": process.pid}]) == [True, False]


def test_a_process_that_has_its_number_from_another_one_is_not_it():
    own = worker.describe({})
    assert worker.are_alive([own | {"started": own["started"] - 60}]) == [False]


def test_of_another_host_nothing_is_known():
    assert worker.are_alive([worker.describe({}) | {"host": "elsewhere"}]) == [None]


def test_a_job_of_slurm_speaks_for_its_processes(slurm):
    elsewhere = worker.describe({"SLURM_JOB_ID": "7"}) | {"host": "elsewhere"}
    assert elsewhere["slurm_job"] == "7"
    assert worker.are_alive([elsewhere]) == [False]  # Slurm no longer knows it
    expected = {"running": True, "pending": False, "failed": False, "finished": False}
    for state, alive in expected.items():
        slurm["7"] = state
        assert worker.are_alive([elsewhere]) == [alive]


def test_a_task_of_an_array_is_a_job(slurm):
    names = {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "8", "SLURM_ARRAY_TASK_ID": "3"}
    found = worker.describe(names) | {"host": "elsewhere"}
    slurm["8_3"] = "running"
    assert (found["slurm_job"], worker.are_alive([found])) == ("8_3", [True])


def test_a_job_that_was_requeued_is_another_worker(slurm, monkeypatch):
    before = worker.describe({"SLURM_JOB_ID": "7"}) | {"host": "elsewhere"}
    slurm["7"] = "running"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert worker.are_alive([before]) == [False]


def test_where_slurm_cannot_be_asked_nothing_is_known(monkeypatch):
    def fail(jobs):
        raise SetupError("squeue: not on PATH")

    monkeypatch.setattr(slurm_queue, "states", fail)
    found = worker.describe({"SLURM_JOB_ID": "7"}) | {"host": "elsewhere"}
    assert worker.are_alive([found]) == [None]
