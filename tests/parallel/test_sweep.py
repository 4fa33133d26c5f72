"""A sweep of real training: killed with -9 in the middle, started again, nothing done twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from caps_hvd.records import record, sweep_record

pytestmark = [pytest.mark.parallel, pytest.mark.timeout(400)]

DEFINITION = """
launcher = "mpirun"

[train]
dataset = "digits"
preset = "small"
train_samples = 128
test_samples = 20
batch_size = 16
compression = "none"
epochs = 2

[axes]
ranks_per_machine = [1, 2]
"""
ONE, TWO = "m1-ranks_per_machine_1-rep0", "m1-ranks_per_machine_2-rep0"


def start(folder):
    definition = folder / "two.toml"
    definition.write_text(DEFINITION)
    return subprocess.Popen(
        [sys.executable, "-m", "caps_hvd.cli", "sweep", str(definition), "--output", "a sweep"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def of_this_sweep(folder):
    """Processes that were started in the sweep's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def wait(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_sweep_that_is_killed_goes_on(tmp_path):
    points = tmp_path / "a sweep" / "points"
    sweep = start(tmp_path)
    wait((points / ONE / "record.json").exists, 180)
    wait((points / f"{TWO}.log").exists, 60)
    wait(lambda: len(of_this_sweep(tmp_path)) >= 5, 60)  # sweep, supervisor, mpirun and two ranks
    sweep.kill()
    sweep.communicate()
    wait(lambda: of_this_sweep(tmp_path) == [], 20)
    assert not (points / TWO / "record.json").exists()
    first = points / ONE / "record.json"
    written, started = first.stat().st_mtime_ns, record.read(first).started_utc

    again = start(tmp_path)
    said, _ = again.communicate(timeout=180)
    assert again.returncode == 0, said
    assert ONE not in said and said.count(TWO) == 2  # running, finished
    assert (first.stat().st_mtime_ns, record.read(first).started_utc) == (written, started)
    assert of_this_sweep(tmp_path) == []

    result = sweep_record.read(tmp_path / "a sweep" / "sweep.h5")
    one, two = result.points
    assert (one.status, two.status) == ("finished", "finished")
    assert (one.ranks, two.ranks, one.backend, two.backend) == (1, 2, "none", "mpi")
    assert (one.steps_per_epoch, two.steps_per_epoch) == (8, 4)
    assert one.seconds_per_epoch == one.epochs[1].seconds
    assert "━" not in (points / f"{ONE}.log").read_text()  # no progress bar in a log
