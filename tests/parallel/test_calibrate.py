"""`caps-hvd calibrate` alone and on two ranks, and a prediction from what they wrote."""

import subprocess
import sys
from pathlib import Path

import pytest

from caps_hvd.scaling import machine_profile as calibrations
from caps_hvd.scaling.model import predict
from caps_hvd.scaling.networks import named
from tests.parallel.launch import launch

WORKER = Path(__file__).with_name("train_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(240)]
OPTIONS = ["--dataset", "digits", "--batch-size", "16", "--threads", "1", "--steps", "5"]


def test_one_rank_and_then_two(tmp_path):
    path = tmp_path / "a calibration.json"
    too_early = launch("mpirun", 2, WORKER, "cli", "calibrate", *OPTIONS, "--output", str(path))
    assert too_early.code == 2
    assert "found no file; run `caps-hvd calibrate` without a launcher first" in too_early.text
    assert not path.exists()

    alone = subprocess.run(
        [sys.executable, "-m", "caps_hvd.cli", "calibrate", *OPTIONS, "--output", str(path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert alone.returncode == 0, alone.stderr
    one = calibrations.read(path)
    assert [(step.batch_size, step.ranks) for step in one.steps] == [(3, 1), (16, 1)]
    assert len(one.step_samples) == 5 and min(one.step_samples) > 0
    assert one.gradient_bytes == 4 * one.parameters
    shares = [group.ready_share for group in one.groups]
    assert all(0 < share <= 1 for share in shares)
    assert one.forward_seconds_per_image > 0 and one.input_seconds_per_image > 0
    assert (one.backend, one.allreduces) == ("none", [])

    job = launch("mpirun", 2, WORKER, "cli", "calibrate", *OPTIONS, "--output", str(path))
    assert job.code == 0, job.text
    both = calibrations.read(path)
    assert both.steps[:2] == one.steps and both.groups == one.groups
    assert [(step.batch_size, step.ranks) for step in both.steps[2:]] == [(3, 2), (16, 2)]
    assert both.backend == "mpi"
    assert [each.ranks for each in both.allreduces] == [2, 2, 2]
    assert both.allreduces[-1].message_bytes == both.gradient_bytes
    assert predict(both, machines=15, network=named("1gbit")).seconds_per_epoch > 0
