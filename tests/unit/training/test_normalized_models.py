"""Runs of the models with batch normalization: learning, going on, and all that looks at a run.

One process trains several times, since each start of TensorFlow costs seconds.
"""

import json

import pytest

from caps_hvd.records import record
from tests.unit.training.runs import assert_same_arrays, python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TRAIN = """
from caps_hvd.config.file import load
from caps_hvd.training.run import train

few = dict(model="efficient_capsnet", train_samples=120, test_samples=20, batch_size=16, threads=1)
few |= dict(convolution="direct")
train(load(overrides=few | dict(train_samples=600, test_samples=100, epochs=4, run_dir="learns")))
train(load(overrides=few | dict(epochs=2, run_dir="whole")))
train(load(overrides=few | dict(epochs=1, run_dir="parts")))
train(load(overrides=dict(epochs=2, run_dir="parts", resume=True, threads=1)))
train(load(overrides=few | dict(epochs=1, run_dir="tuned", initialize_from="learns")))
for model in ("alexcapsnet", "rescapsnet"):
    train(load(overrides=few | dict(model=model, train_samples=20, epochs=1, run_dir=model)))
"""
LOOK = """
from caps_hvd.errors import CapsHvdError
from caps_hvd.inspection import commands

for run in ("learns", "alexcapsnet", "rescapsnet"):
    commands.evaluate(run, {}, True)
    for kind in ("keras", "saved-model"):
        commands.export(run, kind, None, "0-1", ("scores", "capsules"))
commands.reconstruct("learns", {}, 3, None)
commands.perturb("learns", {}, 5, None, 0, None)
try:
    commands.reconstruct("alexcapsnet", {}, 3, None)
except CapsHvdError as error:
    print("error:", error)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("runs")
    folder.joinpath("out.txt").write_text(python(TRAIN, folder, 550, KERAS_BACKEND="tensorflow"))
    return folder


def test_it_learns(trained):
    """A tenth are right by guessing; 97 % after four epochs over all images."""
    assert record.read(trained / "learns" / "record.json").result.test_accuracy > 0.7


def test_a_run_that_went_on_ends_with_the_same_weights_and_averages(trained):
    assert_same_arrays(*(trained / run / "model.weights.h5" for run in ("whole", "parts")))


def test_weights_are_taken_from_another_run(trained):
    (line,) = [
        line
        for line in trained.joinpath("out.txt").read_text().splitlines()
        if line.startswith("weights of")
    ]
    # four convolutions, as many normalizations, primary and class capsules, three of the decoder
    assert "taken 13 layers" in line and line.endswith("anew none")


def test_runs_are_evaluated_drawn_and_exported(trained):
    lines = python(LOOK, trained, 550, KERAS_BACKEND="tensorflow").splitlines()
    values = [json.loads(line) for line in lines if line.startswith("{")]
    for run, value in zip(("learns", "alexcapsnet", "rescapsnet"), values, strict=True):
        result = record.read(trained / run / "record.json").result
        assert value["confusion"] == result.confusion
        assert value["loss"] == pytest.approx(result.test_loss, rel=1e-4)
        assert (trained / run / "network.keras").exists()
        assert (trained / run / "network_saved_model").is_dir()
    (error,) = [line for line in lines if line.startswith("error:")]
    assert "alexcapsnet without one" in error and "--decoder full" in error
