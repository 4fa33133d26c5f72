"""Files of version 0.1.0, read by the program as it is now; see tests/data/before_0_2/README.md.

All but the tests named `..._reads_...` go through the command line, and so run with 0.1.0 itself.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.runs import arrays

OLD = Path(__file__).parents[2] / "data" / "before_0_2"
RUNS = ["capsnet", "mlcn"]
# Float32 has 24 bits: 6e-8 relative. Other instructions add up in another order, and four steps
# widen the difference: measured 1.5e-8, without oneDNN as with SSE4.1 alone. Without Adam's moments
# it is 2e-2.
NEARLY = {"rtol": 1e-6, "atol": 1e-6}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(tmp_path):
    """A copy of the old files, which the commands may change."""
    return shutil.copytree(OLD, tmp_path / "old")


def caps_hvd(folder, *arguments) -> str:
    """Runs a command in a folder and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "caps_hvd.cli", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def history(run) -> list[dict]:
    """The rows of a run's `history.csv`; what counts is a column's name, not its place."""
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contains(epoch, old) -> bool:
    """Whether an epoch is as it was; there are more columns now, which it lacks."""
    return all(epoch[name] == value for name, value in old.items()) and not any(
        epoch[name] for name in epoch.keys() - old.keys()
    )


def printed(name):
    text = OLD.joinpath("printed", name).read_text(encoding="utf-8")
    return without_citation(json.loads(text)) if name.endswith(".json") else text


def without_citation(report):
    """A report's data without the text that names a paper."""
    return {key: value for key, value in report.items() if key != "source"}


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_a_run_goes_on_as_it_would_have(folder, run):
    """The next epoch from an old checkpoint gives the weights that the old program gave."""
    more = json.loads((folder / f"{run}-resumed" / "record.json").read_text())
    epochs = str(len(more["epochs"]))
    before = arrays(folder / run / "checkpoint.h5")
    caps_hvd(folder, "train", "--resume", "--epochs", epochs, "--run-dir", run)
    expected = arrays(folder / f"{run}-resumed" / "model.weights.h5")
    received = arrays(folder / run / "model.weights.h5")
    assert received.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(received[name], expected[name], **NEARLY, err_msg=name)
    # The epoch has moved them by far more than the tolerance.
    after = arrays(folder / run / "checkpoint.h5")
    moved = max(
        np.abs(after[name] - before[name]).max() for name in before if name.startswith("model/")
    )
    assert moved > 1e-3
    record = json.loads((folder / run / "record.json").read_text())
    assert [epoch["epoch"] for epoch in record["epochs"]] == list(range(1, int(epochs) + 1))
    assert all(map(contains, record["epochs"][:-1], more["epochs"][:-1]))
    assert record["result"]["test_correct"] == more["result"]["test_correct"]
    assert record["result"]["confusion"] == more["result"]["confusion"]
    assert record["epochs"][-1]["train_loss"] == pytest.approx(
        more["epochs"][-1]["train_loss"], rel=1e-4
    )
    assert record["config"].items() >= more["config"].items()  # there are more options now
    rows, old_rows = history(folder / run), history(folder / f"{run}-resumed")
    assert all(map(contains, rows[:-1], old_rows[:-1]))
    assert (rows[-1].keys() >= old_rows[-1].keys(), len(rows)) == (True, len(old_rows))


@pytest.mark.slow
@pytest.mark.parametrize("run", [*RUNS, *(f"{run}-resumed" for run in RUNS)])
def test_a_model_is_evaluated_to_the_last_image(folder, run):
    """From a checkpoint alone, and from the weights of a finished run."""
    received = json.loads(caps_hvd(folder, "evaluate", run, "--json"))
    expected = json.loads((folder / run / "evaluation.json").read_text())
    for loss in ("loss", "score_loss"):
        assert received.pop(loss) == pytest.approx(expected.pop(loss), rel=1e-5)
    assert received.items() >= expected.items()  # it tells more now


@pytest.mark.parametrize("run", RUNS)
def test_config_reads_as_the_checkpoint_was_made(run):
    """A run may be resumed only with the options that its checkpoint was made with."""
    from caps_hvd.training import checkpoint
    from caps_hvd.training.run_directory import RunDirectory, read_config

    directory = RunDirectory.at(OLD / run)
    progress = checkpoint.read_progress(directory.checkpoint)
    assert read_config(directory).digest() == progress.config_digest


@pytest.mark.parametrize("run", [*RUNS, *(f"{run}-resumed" for run in RUNS)])
def test_program_reads_a_record(run):
    from caps_hvd.records import record

    path = OLD / run / "record.json"
    read, raw = record.read(path), json.loads(path.read_text())
    assert raw["schema"] == "caps_hvd.record/2"
    assert read.model.parameters == raw["model"]["parameters"]
    assert [epoch.train_loss for epoch in read.epochs] == [
        epoch["train_loss"] for epoch in raw["epochs"]
    ]
    assert read.result.test_correct == raw["result"]["test_correct"]
    assert read.versions.caps_hvd == "0.1.0"


def test_a_sweep_counts_as_finished(folder):
    """Nothing is trained again: the folder holds neither weights nor checkpoints."""
    before = (folder / "two_rates" / "sweep.h5").stat().st_mtime_ns
    assert "2 of 2 points finished" in caps_hvd(folder, "sweep", "two_rates")
    text = caps_hvd(folder, "sweep", "two_rates.toml", "--output", "two_rates", "--dry-run")
    assert text == printed("sweep_dry_run.txt")
    assert not list((folder / "two_rates").rglob("checkpoint.h5"))
    assert before <= (folder / "two_rates" / "sweep.h5").stat().st_mtime_ns


def test_a_sweep_is_reported(folder):
    text = caps_hvd(folder, "report", "two_rates", "--no-plots")
    assert text == printed("report.txt")
    received = caps_hvd(folder, "report", "two_rates/sweep.h5", "--no-plots", "--format", "json")
    assert without_citation(json.loads(received)) == printed("report.json")


@pytest.mark.parametrize("path", ["two_rates", "two_rates/sweep.h5"])
def test_the_best_of_a_sweep_is_chosen(folder, path):
    text = caps_hvd(folder, "optimize", path, "--no-plots", "--format", "json")
    assert without_citation(json.loads(text[text.index("{") :])) == printed("optimize.json")
    (chosen,) = folder.rglob("chosen.toml")
    assert tomllib.loads(chosen.read_text())["learning_rate"] == 0.01


def test_a_search_counts_as_finished(folder):
    """No candidate is proposed again."""
    text = caps_hvd(folder, "lanes", "search", "tiny_search.toml", "--output", "tiny_search")
    assert "candidate" not in text
    assert not list(folder.glob("tiny_search/trials/*/points"))


def test_a_search_is_reported(folder):
    text = caps_hvd(folder, "lanes", "search-report", "tiny_search", "--no-plots")
    assert text == printed("search_report.txt")
    received = caps_hvd(
        folder, "lanes", "search-report", "tiny_search", "--no-plots", "--format", "json"
    )
    assert json.loads(received) == printed("search_report.json")
    (lanes,) = folder.rglob("tiny_search-lanes.toml")
    assert len(tomllib.loads(lanes.read_text())["lane"]) == 2


def test_a_calibration_of_machines_is_read(folder):
    text = caps_hvd(
        folder, "predict", "--calibration", "machine_calibration.json", "--machines", "1,2,4",
        "--cores-per-host", "2", "--format", "json",
    )  # fmt: skip
    expected = json.loads(OLD.joinpath("printed", "predict.json").read_text())
    assert [pytest.approx(row) for row in expected] == json.loads(text)


def test_a_calibration_of_lanes_is_read(folder):
    text = caps_hvd(
        folder, "lanes", "balance", "many_lanes.toml", "--devices", "devices.toml",
        "--calibration", "lane_times.json", "--output", "again.toml",
    )  # fmt: skip
    assert text.splitlines()[:-1] == printed("balance.txt").splitlines()
    assert (folder / "again.toml").read_text() == (folder / "plan.toml").read_text()


def test_program_reads_a_plan_of_lanes():
    from caps_hvd.lanes import plan

    read = plan.read(OLD / "plan.toml")
    assert read.assignment == ((0, 1, 3, 4), (2,))
    assert read.names == ("fast", "slow")
    assert (read.method, read.proven) == ("greedy", False)
