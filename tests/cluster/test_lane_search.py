"""A search for lanes as an array of a real Slurm, one of whose tasks is cancelled in the middle."""

import shlex
import sys
import time

import pytest

from caps_hvd.records.optuna_journal import read_study
from tests.cluster.slurm import REPOSITORY, Cluster, missing
from tests.unit.search import shared_search
from tests.unit.search.shared_search import lines

SECONDS = 120
pytestmark = pytest.mark.timeout(2 * SECONDS + 60)


def numbers(folder, name):
    return sorted(int(line.split()[0]) for line in lines(folder, name))


def trials_that_run(folder):
    trials = read_study(folder).get_trials()
    return [each for each in trials if each.state.name == "RUNNING"]


def test_the_candidate_of_a_task_that_was_cancelled_is_tried_by_another(tmp_path):
    if reason := missing():
        pytest.skip(reason)
    program = [sys.executable, shared_search.__file__, str(tmp_path), "9", "random"]
    with Cluster.up(3) as cluster:
        environ = cluster.environ(PYTHONPATH=str(REPOSITORY))

        def submit(*options, arguments=()):
            script = tmp_path / "job.sh"
            script.write_text(f"#!/bin/sh\nexec {shlex.join([*program, *arguments])}\n")
            return cluster.submit(script, options=("-N1", *options), cwd=tmp_path, env=environ)

        array = submit("--array=0-2", arguments=("wait", "4"))
        deadline = time.monotonic() + SECONDS
        while numbers(tmp_path, "ended") != [0, 1, 2, 3, 5, 6, 7, 8]:
            assert time.monotonic() < deadline, numbers(tmp_path, "ended")
            time.sleep(0.2)
        while len(running := trials_that_run(tmp_path)) > 1:  # a result is told after its line
            assert time.monotonic() < deadline, running
            time.sleep(0.2)
        (trial,) = running
        worker = trial.user_attrs["worker"]
        assert worker["slurm_job"].startswith(f"{array}_") and worker["host"].startswith("node")
        other = next(name for name in cluster.nodes if name != worker["host"])

        # While the task works, its candidate is its own, also for who sits on another node.
        assert cluster.wait(submit(f"-w{other}"), SECONDS) == "COMPLETED"
        assert numbers(tmp_path, "begun") == list(range(9))

        cluster.run("scancel", worker["slurm_job"])
        assert cluster.wait(worker["slurm_job"], SECONDS) == "CANCELLED"
        assert cluster.wait(submit(f"-w{other}"), SECONDS) == "COMPLETED"
    assert numbers(tmp_path, "ended") == list(range(9))
    assert numbers(tmp_path, "begun") == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
