"""Training in one process, on a few hundred real digits: what is written, and exact resuming.

One process trains several times, since each start of TensorFlow costs seconds.
"""

import csv
import dataclasses
import importlib.util
import json
import shutil

import keras
import numpy as np
import pytest

from caps_hvd.config.file import read_file
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.records import record
from tests.unit.training.runs import arrays, python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TRAIN = """
import importlib.util, json, sys
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.config.file import load
from caps_hvd.errors import CapsHvdError
from caps_hvd.training.run import train

small = dict(preset="small", train_samples=150, test_samples=40, batch_size=32, augment=True)
errors = {}

def fails(name, **changes):
    try:
        train(load(overrides=small | changes))
    except CapsHvdError as error:
        errors[name] = f"{type(error).__name__}: {error}"

train(TrainConfig(**small, epochs=3, run_dir="whole"), ["caps-hvd", "train", "..."])
train(TrainConfig(**small, epochs=2, run_dir="parts"))
fails("exists", epochs=3, run_dir="parts")
fails("other", epochs=3, run_dir="parts", resume=True, batch_size=16, seed=5)
train(load(overrides=dict(epochs=3, run_dir="parts", resume=True)))
train(load(overrides=dict(epochs=3, run_dir="parts", resume=True)))
train(TrainConfig(**small, epochs=1, run_dir="fresh", resume=True, decoder="none",
                  evaluate_every=0, tensorboard=bool(importlib.util.find_spec("tensorflow"))))
train(TrainConfig(**small, epochs=1, run_dir="half", precision="float16", accumulate_steps=2))
import numpy as np
from caps_hvd.data.readers import digits, hdf5
from caps_hvd.data.split import ArraySplit
twice = [ArraySplit(np.kron(part.images, np.ones((1, 2, 2, 1), np.uint8)), part.labels)
         for part in digits.read_digits()]
hdf5.write_hdf5("large.h5", "large", twice, map(str, range(10)))
train(TrainConfig(model="lenet5", dataset="large.h5", train_samples=300, test_samples=40,
                  epochs=2, policy="adabatch", growth="none", first_epochs=1, run_dir="lenet5"))
train(TrainConfig(model="mlcn", dataset="large.h5", train_samples=300, test_samples=40, epochs=2,
                  lane_list=["mlcn1, width 1", "mlcn2, width 1"], lane_dropout=0.1,
                  learning_rate=0.003, run_dir="mlcn"))
from caps_hvd.models.capsule_classifier import CapsuleClassifier
call, traced = CapsuleClassifier.call, []
CapsuleClassifier.call = lambda self, *args, **more: traced.append(1) or call(self, *args, **more)
growing = dict(policy="adabatch", first_epochs=1, growth_epochs=1, batch_exponent=1)
for name, policy in ("fixed", {}), ("growing", growing):
    before = len(traced)
    train(TrainConfig(**small | dict(train_samples=40), epochs=4, run_dir=name, **policy))
    errors["traced " + name] = len(traced) - before
CapsuleClassifier.call = call
fails("policy", policy="adabatch", run_dir="none")  # of 14 epochs
fails("model", model="capsnte", run_dir="none")
fails("dataset", dataset="digitz", run_dir="none")
fails("foreign", model="lenet5", preset="auto", weight_sharing=True, run_dir="none")
fails("samples", train_samples=10**6, run_dir="none")
json.dump(errors, open("errors.json", "w"))
"""

LOOK = """
import sys
from caps_hvd.inspection import commands
commands.evaluate("whole", {}, True)
commands.evaluate("whole", {"test_samples": 20}, False)
commands.evaluate("lenet5", {}, True)
commands.evaluate("mlcn", {}, True)
commands.perturb("mlcn", {}, 5, None, 0, None)
commands.reconstruct("whole", {}, 7, None)
commands.perturb("whole", {}, 5, None, 0, None)
from caps_hvd.errors import CapsHvdError
for call in (
    lambda: commands.reconstruct("fresh", {}, 7, None),
    lambda: commands.perturb("lenet5", {}, 5, None, 0, None),
    lambda: commands.perturb("whole", {}, None, "sevn", 0, None),
    lambda: commands.perturb("whole", {}, 10, None, 0, None),
    lambda: commands.perturb("whole", {}, 5, None, 1000, None),
):
    try:
        call()
    except CapsHvdError as error:
        print("error:", error)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    folder.joinpath("out.txt").write_text(python(TRAIN, folder, 250))
    return folder


def _is_json(line):
    return line.startswith("{")


def test_a_resumed_run_ends_with_the_same_weights(trained):
    for name in ("model.weights.h5", "checkpoint.h5"):
        whole, parts = (arrays(trained / run / name) for run in ("whole", "parts"))
        assert whole.keys() == parts.keys() and len(whole) > 5
        for key, values in whole.items():
            np.testing.assert_array_equal(values, parts[key], err_msg=key)
    whole, parts = (record.read(trained / run / "record.json") for run in ("whole", "parts"))
    assert whole.result.confusion == parts.result.confusion
    assert [epoch.train_loss for epoch in whole.epochs] == [
        epoch.train_loss for epoch in parts.epochs
    ]
    assert [session.first_epoch for session in parts.sessions] == [1, 3]


def test_the_run_directory(trained):
    assert sorted(path.name for path in (trained / "whole").iterdir()) == [
        "checkpoint.h5",
        "config.toml",
        "history.csv",
        "lock",
        "model.weights.h5",
        "record.json",
    ]
    values = read_file(trained / "whole" / "config.toml")
    assert TrainConfig(**values).batch_size == 32
    with open(trained / "parts" / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert 0 <= float(rows[-1]["test_accuracy"]) <= 1


def test_the_record(trained):
    whole = record.read(trained / "whole" / "record.json")
    assert whole.command_line == ["caps-hvd", "train", "..."]
    assert (whole.machine.ranks, whole.machine.backend) == (1, "none")
    assert (whole.data.train_samples, whole.data.steps_per_epoch) == (150, 5)
    assert whole.model.parameters == 200_832
    assert whole.result.test_correct == sum(row[k] for k, row in enumerate(whole.result.confusion))
    assert whole.result.test_accuracy == whole.result.test_correct / 40
    assert sum(map(sum, whole.result.confusion)) == 40
    last = whole.epochs[-1]
    assert last.epoch == 3 and last.test_accuracy == pytest.approx(whole.result.test_accuracy)
    assert last.images_per_second == pytest.approx(150 / last.seconds, rel=1e-3)
    assert str(trained) not in (trained / "whole" / "record.json").read_text()


def test_what_is_printed(trained):
    lines = (trained / "out.txt").read_text().splitlines()
    assert lines[0].startswith("capsnet (small, 200,832 parameters) on digits")
    assert [line.split()[1] for line in lines if line.startswith("epoch")][:3] == [
        "1/3",
        "2/3",
        "3/3",
    ]
    assert sum("is finished" in line for line in lines) == 1
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_options_that_change_what_is_written(trained):
    fresh = record.read(trained / "fresh" / "record.json")
    assert fresh.epochs[0].train_reconstruction_loss is None
    assert fresh.epochs[0].test_accuracy is not None  # the last epoch always
    events = list((trained / "fresh" / "events").rglob("events.out.tfevents.*"))
    assert bool(events) == bool(importlib.util.find_spec("tensorflow"))  # which writes them
    half = record.read(trained / "half" / "record.json")
    assert half.reduction.loss_scaling and half.reduction.accumulate_steps == 2


def test_a_model_without_capsules(trained):
    lenet5 = record.read(trained / "lenet5" / "record.json")
    # 64 inputs of the dense layers, not 400; and the mean and the deviation of the one channel
    parameters = 61_706 - (400 - 64) * 120
    assert (lenet5.model.parameters, lenet5.model.preset) == (parameters, "paper")
    last = lenet5.epochs[-1]
    assert last.train_score_loss == last.train_loss < lenet5.epochs[0].train_loss
    assert last.train_reconstruction_loss is None
    assert [epoch.images_per_step for epoch in lenet5.epochs] == [1, 16]
    assert lenet5.result.test_accuracy > 0.5


def test_a_model_of_lanes(trained):
    mlcn = record.read(trained / "mlcn" / "record.json")
    # 16 x 16 pixels leave 2 x 2 x 16 x 2 and 3 x 3 x 16 x 2 numbers to route, ...
    lanes = (1_312 + 18_464 + 1_280) + (32 + 848 + 3 * 2_320 + 18_464 + 2_880)
    # ... the small decoder sees 20 and draws 256, ...
    decoder = 21 * 128 + 129 * 256 + 257 * 256
    # ... the channel has a mean and a deviation, and each lane has a gain.
    assert mlcn.model.parameters == lanes + decoder
    assert mlcn.config["lane_list"] == ["mlcn1, width 1, depth 1", "mlcn2, width 1, depth 1"]
    assert mlcn.epochs[1].train_loss < mlcn.epochs[0].train_loss


def test_mistakes(trained):
    errors = json.loads((trained / "errors.json").read_text())
    growing, fixed = errors.pop("traced growing"), errors.pop("traced fixed")
    if keras.backend.backend() == "tensorflow":  # JAX compiles again, PyTorch traces nothing
        assert growing == fixed
    expected = {
        "exists": ["RunError", "parts exists", "--resume", "--run-dir"],
        "other": ["RunError", "--batch-size (the run has 32, received 16)", "--seed"],
        "policy": ["ConfigError", "needs 14 epochs", "received 10"],
        "model": ["ConfigError", "model", "capsnte", "capsnet"],
        "dataset": ["digitz", "digits"],
        "foreign": ["ConfigError", "weight_sharing", "lenet5", "remove it"],
        "samples": ["ConfigError", "train_samples", "1000000"],
    }
    assert errors.keys() == expected.keys()
    for name, words in expected.items():
        for word in words:
            assert word in errors[name], errors[name]
        assert "\n" not in errors[name]
    assert not (trained / "none").exists()


def test_a_run_that_goes_on_shows_its_last_checkpoint(trained, tmp_path):
    from caps_hvd.inspection import load

    run = shutil.copytree(trained / "whole", tmp_path / "run")
    expected = load.load(run).model.get_weights()
    finished = record.read(run / "record.json")
    record.write(run / "record.json", dataclasses.replace(finished, epochs=finished.epochs[:-1]))
    (run / "model.weights.h5").write_bytes(b"those of the epoch before")
    for found, weight in zip(load.load(run).model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, weight)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_looking_at_a_run(trained, backend):
    pytest.importorskip(backend)
    lines = python(LOOK, trained, 250, KERAS_BACKEND=backend).splitlines()
    text = "\n".join(lines)
    for run, line in zip(("whole", "lenet5", "mlcn"), filter(_is_json, lines), strict=True):
        values = json.loads(line)
        result = record.read(trained / run / "record.json").result
        assert values["confusion"] == result.confusion
        assert values["loss"] == pytest.approx(result.test_loss, rel=1e-4)
    assert "of 20 images" in text
    for word in ("--decoder full", "lenet5 without", "'sevn'", "--digit", "--sample"):
        assert word in text
    for name in ("whole/reconstructions.png", "whole/perturb-5.png", "mlcn/perturb-5.png"):
        assert (trained / name).read_bytes().startswith(b"\x89PNG")
        (trained / name).unlink()
