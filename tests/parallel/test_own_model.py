"""A model of one's own on two ranks: one network for all of them, and mistakes in one line."""

from pathlib import Path

import pytest

from caps_hvd.records import record
from tests.parallel.launch import launch

WORKER = Path(__file__).with_name("train_worker.py")
EXAMPLE = Path(__file__).parents[2] / "examples" / "my_net.py"
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(300)]


def train(run, model):
    return launch(
        "mpirun", 2, WORKER, "cli", "train", "--model", model, "--dataset", "digits",
        "--train-samples", "100", "--test-samples", "20", "--batch-size", "10", "--epochs", "2",
        "--run-dir", str(run), seconds=140,
    )  # fmt: skip


def test_two_ranks_train_it(tmp_path):
    """With batch normalization, whose averages are made one before ranks share the evaluation."""
    run = tmp_path / "run"
    job = train(run, f"{EXAMPLE}:build")
    assert job.code == 0, job.text
    whole = record.read(run / "record.json")
    assert (whole.model.preset, whole.machine.ranks) == ("own", 2)
    assert len(whole.config["model_sha256"]) == 64
    assert (run / "model.py").read_bytes() == EXAMPLE.read_bytes()
    alone = launch("mpirun", 1, WORKER, "cli", "evaluate", str(run), "--json")
    assert alone.code == 0, alone.text
    assert f'"accuracy": {whole.result.test_accuracy}' in alone.text


def test_an_error_in_it_has_one_line(tmp_path):
    net = tmp_path / "net.py"
    net.write_text("def build(image_shape, classes):\n    return classes / 0\n")
    job = train(tmp_path / "run", f"{net}:build")
    assert job.code == 2, job.text
    lines = [line for line in job.text.splitlines() if "error" in line.lower()]
    assert len(lines) == 1 and "raised ZeroDivisionError in line 2" in lines[0]
