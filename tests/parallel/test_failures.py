"""A failure on one rank or on all: the right words, and nobody is left waiting."""

import time
from pathlib import Path

import pytest

from tests.parallel.launch import LAUNCHERS, launch

WORKER = Path(__file__).with_name("failure_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(150)]
BOTH = pytest.mark.parametrize("launcher", ["mpirun", "horovodrun --gloo"])


def fail(launcher, way, failing=1):
    """Run the worker; the time from the failure to the end of the job must be under 60 s."""
    job = launch(launcher, 2, WORKER, way, str(failing), seconds=120)
    assert time.time() - job.records[failing]["failed_at"] < 60
    assert job.code != 0
    return job


def lines(job):
    return [line for line in job.text.splitlines() if "caps_hvd: error:" in line]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_killed_rank_ends_the_job(launcher):
    fail(launcher, "killed")


def test_a_killed_rank_zero_ends_the_job():
    fail("horovodrun --gloo", "killed", failing=0)


@BOTH
@pytest.mark.parametrize("way", ["together", "everywhere"])
def test_an_error_on_all_ranks_is_one_line(launcher, way):
    job = fail(launcher, way)
    assert [record["code"] for record in job.records] == [2, 2]
    (line,) = lines(job)
    assert line.endswith(
        "caps_hvd: error: truncated file"
        if way == "together"
        else "caps_hvd: error: batch_size: expected 1 or more, received 0"
    )
    assert launcher != "mpirun" or job.code == 2
    assert launcher != "mpirun" or "Traceback" not in job.text


@pytest.mark.core
@BOTH
def test_an_error_on_one_rank_says_which(launcher):
    job = fail(launcher, "alone")
    assert any(line.endswith("caps_hvd: error: rank 1: only here") for line in lines(job))
    assert launcher != "mpirun" or job.code == 2


@BOTH
def test_a_bug_on_one_rank_keeps_its_traceback(launcher):
    job = fail(launcher, "bug")
    assert "KeyError: 'a bug'" in job.text
    assert launcher != "mpirun" or job.code == 1
