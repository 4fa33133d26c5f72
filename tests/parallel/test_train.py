"""Training on two ranks: what is written, resuming, and every mistake in one line."""

import functools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from caps_hvd import data
from caps_hvd.io import lock
from caps_hvd.records import record
from caps_hvd.training import checkpoint
from tests.parallel.launch import launch
from tests.parallel.train_worker import SMALL, options

WORKER = Path(__file__).with_name("train_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(200)]
BOTH = pytest.mark.parametrize("launcher", ["mpirun", "horovodrun --gloo"])


def error_lines(job):
    return [line for line in job.text.splitlines() if "caps_hvd: error:" in line]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def truncated_mnist(path):
    images, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.core
def test_two_ranks_train_and_go_on(tmp_path):
    run = tmp_path / "run"
    first = launch("mpirun", 2, WORKER, "cli", "train", *options({**SMALL, "run_dir": run}))
    assert first.code == 0, first.text
    assert [line for line in first.text.splitlines() if "epoch 1/1" in line] and (
        first.text.count("test accuracy") == 1
    )
    again = launch(
        "horovodrun --gloo", 2, WORKER, "cli", "train", "--resume", "--epochs", "2",
        "--run-dir", str(run),
    )  # fmt: skip
    assert again.code == 0, again.text
    whole = record.read(run / "record.json")
    assert (whole.machine.ranks, whole.machine.backend) == (2, "gloo")
    assert len(whole.machine.hosts) == 2
    assert (whole.data.steps_per_epoch, whole.data.images_per_step) == (2, 32)
    assert [epoch.epoch for epoch in whole.epochs] == [1, 2]
    assert [session.first_epoch for session in whole.sessions] == [1, 2]
    assert whole.reduction.bytes_per_step == 4 * whole.model.parameters
    assert sum(map(sum, whole.result.confusion)) == 20
    assert whole.epochs[-1].exposed_communication_seconds is not None
    assert len((run / "history.csv").read_text().splitlines()) == 3


def test_two_ranks_write_the_record_that_an_ended_session_owes(tmp_path):
    run = tmp_path / "run"
    arguments = ("cli", "train", *options({**SMALL, "run_dir": run}))
    assert launch("mpirun", 2, WORKER, *arguments).code == 0
    before = record.read(run / "record.json")
    (run / "record.json").unlink()
    again = launch("mpirun", 2, WORKER, *arguments, "--resume")
    assert again.code == 0, again.text
    after = record.read(run / "record.json")
    assert after.result.confusion == before.result.confusion
    assert after.epochs == before.epochs


def test_a_batch_policy_does_on_two_ranks_what_it_does_on_one(tmp_path):
    """A batch of 1, where one rank is empty, then of 4, with every sample once per epoch."""
    two, one = (
        launch("mpirun", ranks, WORKER, "policy", str(tmp_path / str(ranks))) for ranks in (2, 1)
    )
    assert two.code == one.code == 0, two.text + one.text
    check_start(*(worker["start"] for worker in one.records + two.records))
    first, second = (np.asarray(worker["weights"]) for worker in two.records)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, one.records[0]["weights"], atol=2e-5)
    whole = record.read(tmp_path / "2" / "record.json")
    assert [(epoch.images_per_step, epoch.empty_ranks) for epoch in whole.epochs] == [
        (1, 1),
        (4, 0),
    ]
    assert [epoch.learning_rate for epoch in whole.epochs] == [
        epoch.learning_rate for epoch in record.read(tmp_path / "1" / "record.json").epochs
    ]


def check_start(alone, *ranks):
    """Ranks begin at "scaled" with the network of one process, before they have sent weights."""
    digits = data.load("digits", train_samples=30)
    images = digits.train.images / 255
    np.testing.assert_allclose(alone["encoder/standardization/mean"], [images.mean()], rtol=1e-6)
    np.testing.assert_allclose(
        alone["encoder/standardization/deviation"], [images.std()], rtol=1e-6
    )
    gain = alone["encoder/class_capsules/gain"]
    assert gain != 1
    for start in ranks:
        # Float32 sums of some hundred terms, in another order.
        assert start.pop("encoder/class_capsules/gain") == pytest.approx(gain, rel=1e-5)
        assert start == {name: alone[name] for name in start}
        assert len(start) == len(alone) - 1


def weights_of(run):
    return checkpoint.read(run / "checkpoint.h5")


def test_gradients_that_wait_go_on_over_a_resume(tmp_path):
    """Three steps an update, eight an epoch: two wait at the end of the first, on each rank."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    values = {**SMALL, "train_samples": 256, "accumulate_steps": 3, "compression": "none"}
    arguments = options({**values, "threads": 1})
    train = functools.partial(launch, "mpirun", 2, WORKER, "cli", "train", *arguments)
    once = train("--epochs", "2", "--run-dir", str(whole))
    assert once.code == 0 and "the last step of the run will change nothing" in once.text
    assert train("--epochs", "1", "--run-dir", str(parts)).code == 0
    stored = weights_of(parts)
    waiting = [name for name in stored if "gradient_accumulator" in name]
    assert any(name.startswith("rank 1/") and np.any(stored[name]) for name in waiting)
    alone = shutil.copytree(parts, tmp_path / "alone")
    assert train("--epochs", "2", "--run-dir", str(parts), "--resume").code == 0
    expected, found = weights_of(whole), weights_of(parts)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    other = launch(
        "mpirun", 1, WORKER, "cli", "train", "--resume", "--epochs", "2", "--run-dir", str(alone)
    )
    assert other.code == 0, other.text
    assert "does not hold what every one of these 1 ranks had" in other.text
    assert not any(name.startswith("rank ") for name in weights_of(alone))


def test_a_run_that_diverges_ends_with_a_line_and_a_record(tmp_path):
    run = tmp_path / "run"
    values = {**SMALL, "optimizer": "sgd", "learning_rate": 1e30, "warmup_epochs": 0}
    job = launch("mpirun", 2, WORKER, "cli", "train", *options({**values, "run_dir": run}))
    (line,) = error_lines(job)
    assert "loss is nan since step 2 of epoch 1" in line and "smaller --learning-rate" in line
    assert job.code == 2 and job.records[0]["code"] == 2
    assert job.records[1].get("code", 2) == 2
    found = record.read(run / "record.json")
    assert (found.result, found.epochs) == (None, [])
    assert (found.failure.epoch, found.failure.step) == (1, 2)
    assert files(run) == ["config.toml", "history.csv", "lock", "record.json"]


def test_a_run_that_cannot_learn_ends_where_it_is_told_to(tmp_path):
    run = tmp_path / "run"
    job = launch("mpirun", 2, WORKER, "stuck", str(run))
    (line,) = error_lines(job)
    assert "epoch 2: class capsules are saturated" in line and "epochs 1 to 2 are kept" in line
    assert job.code == 2 and [each.get("code", 2) for each in job.records] == [2, 2]
    found = record.read(run / "record.json")
    assert [epoch.state for epoch in found.epochs] == [None, "saturated"]
    assert (found.result, found.failure.epoch, found.failure.step) == (None, 2, None)
    assert files(run) == ["checkpoint.h5", "config.toml", "history.csv", "lock", "record.json"]


def test_weights_of_classes_on_two_ranks_are_those_on_one(tmp_path):
    two, one = (
        launch("mpirun", ranks, WORKER, "balanced", str(tmp_path / str(ranks)), str(12 // ranks))
        for ranks in (2, 1)
    )
    assert two.code == one.code == 0, two.text + one.text
    first, second = (np.asarray(worker["weights"]) for worker in two.records)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, one.records[0]["weights"], atol=2e-5)


def test_mistakes_that_only_the_ranks_together_can_see(tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "config.toml").write_text("batch_size = 3\n")
    (tmp_path / "data").mkdir()
    truncated_mnist(tmp_path / "data" / "mnist.npz")
    job = launch("mpirun", 2, WORKER, "mistakes", str(tmp_path))
    assert job.code == 0, job.text
    one, two = job.records
    assert one == two
    expected = {
        "model": ["ConfigError 2", "capsnte", "capsnet"],
        "dataset": ["ConfigError 2", "mnits", "mnist"],
        "truncated": ["DataError 2", "mnist.npz"],
        "ranks": ["ConfigError 2", "ranks", "1"],
        "exists": ["RunError 2", "used exists", "--resume"],
        "other": ["RunError 2", "--batch-size (the run has 3, received 4)"],
    }
    assert one.keys() == expected.keys()
    for name, words in expected.items():
        for word in words:
            assert word in one[name], json.dumps(one)
        assert "\n" not in one[name]
    assert files(tmp_path) == ["data", "used"]


@pytest.mark.parametrize(
    ("launcher", "arguments", "words"),
    [
        ("mpirun", ["--batch-size", "0"], "--batch-size: expected an integer of at least 1"),
        ("mpirun", ["--config", "CONFIG"], "bad.toml: line 2: batchsize: unknown key"),
        (
            "horovodrun --gloo",
            ["--bath-size", "8"],
            "--bath-size: no such option; did you mean --batch-size?",
        ),
    ],
)
def test_mistakes_that_every_rank_can_see(tmp_path, launcher, arguments, words):
    config = tmp_path / "bad.toml"
    config.write_text("epochs = 1\nbatchsize = 8\n")
    arguments = [str(config) if part == "CONFIG" else part for part in arguments]
    job = launch(launcher, 2, WORKER, "cli", "train", *arguments)
    (line,) = error_lines(job)
    assert words in line
    assert job.code == 2 or (launcher == "horovodrun --gloo" and job.code == 1)
    assert job.records[0]["code"] == 2 and job.records[1].get("code", 2) == 2


def test_a_folder_that_another_training_writes_into(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with lock.held(run / "lock", RuntimeError):
        job = launch("mpirun", 2, WORKER, "cli", "train", *options({**SMALL, "run_dir": run}))
    (line,) = error_lines(job)
    assert f"another training writes into {run} (process {os.getpid()} on" in line
    assert [rank["code"] for rank in job.records] == [2, 2]
    assert files(run) == ["lock"]


@BOTH
def test_a_disk_that_is_full_while_saving(tmp_path, launcher):
    run = tmp_path / "run"
    job = launch(launcher, 2, WORKER, "full", str(run))
    (line,) = error_lines(job)
    assert "cannot write" in line and "checkpoint.h5: File too large" in line
    assert [rank["code"] for rank in job.records] == [2, 2]
    assert job.code == 2 or (launcher == "horovodrun --gloo" and job.code == 1)
    assert files(run) == ["checkpoint.h5", "config.toml", "history.csv", "lock"]
    assert checkpoint.read_progress(run / "checkpoint.h5").epoch == 1


def test_a_run_that_is_told_to_end_while_saving(tmp_path):
    run = tmp_path / "run"
    job = launch("mpirun", 2, WORKER, "killed", str(run))
    assert job.code != 0
    assert {"checkpoint.h5", "config.toml", "history.csv"} <= set(files(run))
    assert not {"record.json", "model.weights.h5"} & set(files(run))
    assert checkpoint.read_progress(run / "checkpoint.h5").epoch == 1
    (line,) = [line for line in job.text.splitlines() if "ended by SIGTERM" in line]
    again = f"caps-hvd launch -np 2 -- caps-hvd train --resume --run-dir {run}"
    assert f"epoch 1 is kept in {run}; go on with: {again}" in line
