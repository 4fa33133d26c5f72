"""Training on every Keras backend: the same steps, as good a run, and one that others go on with.

A run trains in a process of its own, on one thread. Interpreters come from the environments of
`make setup` and `make test-torch`; a backend that none of them has is skipped.
"""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data.batches import Batches
from caps_hvd.data.split import ArraySplit
from caps_hvd.distributed.comm import Communicator, rank_grid
from caps_hvd.errors import ConfigError
from caps_hvd.records import record
from caps_hvd.training import build
from caps_hvd.training.convolution_forms import apply_forms
from caps_hvd.training.plan import make_plan

REPOSITORY = Path(__file__).parents[3]
ENVIRONMENTS = (Path(sys.prefix), REPOSITORY / ".venv", REPOSITORY / "build" / "torch")

CONFIG = {
    "preset": "small",
    "dataset": "digits",
    "batch_size": 16,
    "learning_rate": 0.003,
    "epochs": 4,
    "threads": 1,
}
# What TensorFlow reaches with this configuration, of 355 test images; other backends draw other
# first weights, and other seeds move it by as much as this.
CORRECT, MARGIN = 348, 10
RECONSTRUCTION_LOSS = 0.0368

TRAIN = """
import json, sys
from caps_hvd.config.file import load
from caps_hvd.training.run import train
train(load(overrides=json.loads(sys.argv[1])))
"""
LOOK = """
import json, sys
from caps_hvd.inspection import commands
commands.evaluate("run", {}, True)
commands.reconstruct("run", {}, 3, None)
"""


def python_with(backend):
    """An interpreter that has a Keras backend: this one, or that of another environment."""
    for environment in ENVIRONMENTS:
        if list(environment.glob(f"lib/python3*/site-packages/{backend}/__init__.py")):
            return environment / "bin" / "python"
    pytest.skip(f"no environment has {backend}: make setup, make test-torch")


def run(backend, folder, script, *arguments):
    ended = subprocess.run(
        [python_with(backend), "-c", script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        env=os.environ
        | {"KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "Gradients do not exist" not in ended.stderr
    return ended.stdout


@pytest.fixture(scope="module", params=["jax", "torch"])
def trained(request, tmp_path_factory):
    """A backend, and the folder in which it has trained the run `run`."""
    folder = tmp_path_factory.mktemp(request.param)
    run(request.param, folder, TRAIN, json.dumps(CONFIG | {"run_dir": "run"}))
    return request.param, folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_is_as_good_as_on_tensorflow(trained):
    _, folder = trained
    whole = record.read(folder / "run" / "record.json")
    assert abs(whole.result.test_correct - CORRECT) <= MARGIN
    last = whole.epochs[-1]
    assert last.train_reconstruction_loss == pytest.approx(RECONSTRUCTION_LOSS, rel=0.15)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_tensorflow_gives_the_same_classes(trained):
    _, folder = trained
    result = record.read(folder / "run" / "record.json").result
    values = json.loads(run("tensorflow", folder, LOOK).splitlines()[0])
    assert values["confusion"] == result.confusion
    assert values["loss"] == pytest.approx(result.test_loss, rel=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_tensorflow_goes_on_with_the_run(trained):
    _, folder = trained
    more = {"run_dir": "run", "resume": True, "epochs": CONFIG["epochs"] + 1, "threads": 1}
    run("tensorflow", folder, TRAIN, json.dumps(more))
    whole = record.read(folder / "run" / "record.json")
    assert [epoch.epoch for epoch in whole.epochs] == [1, 2, 3, 4, 5]
    # An optimizer that had lost its moments would throw the loss back.
    assert whole.epochs[-1].train_loss < 1.05 * whole.epochs[-2].train_loss


# The losses of the first steps from weights that no backend draws, as TensorFlow has them.
MODELS = {
    "paper's routing": {"model": "capsnet", "preset": "small"},
    "shared, in blocks": {
        "model": "capsnet", "preset": "small", "weight_sharing": True, "decoder": "small",
        "routing_memory_mib": 0.1, "convolution": "bilinear",
    },
    "lanes": {"model": "mlcn", "lane_list": ["mlcn1, width 1", "mlcn2, width 1"]},
}  # fmt: skip
LOSSES = {
    "paper's routing": [0.752562, 0.578543, 0.572905, 0.579449, 0.430742],
    "shared, in blocks": [1.368912, 0.603684, 0.584444, 0.650398, 0.564666],
    "lanes": [0.676368, 0.529462, 0.599398, 0.592568, 0.509897],
}


@pytest.mark.parametrize("name", MODELS)
def test_the_first_steps_are_those_of_tensorflow(name):
    config = TrainConfig(learning_rate=0.003, **MODELS[name])
    dataset = build.load_dataset(config)
    images, labels = dataset.train.take(np.arange(80))
    larger = ArraySplit(np.kron(images, np.ones((1, 2, 2, 1), np.uint8)), labels)
    dataset = dataclasses.replace(dataset, train=larger)
    ranks = rank_grid(Communicator(), 1)
    strategy = build.build_strategy(config, dataset.image_shape, dataset.classes, ranks)
    built = build.build_compiled_model(config, dataset, strategy, "none")
    apply_forms(config.convolution, built, None)
    chance = np.random.default_rng(0)
    for weight in built.trainable_variables:
        weight.assign(chance.normal(scale=0.08, size=weight.shape))
    batches = Batches(dataset.train, 16, 0, 1, seed=0)
    losses = [
        float(built.train_on_batch(*batches.batch(0, step), return_dict=True)["loss"])
        for step in range(5)
    ]
    np.testing.assert_allclose(losses, LOSSES[name], rtol=1e-4)


def test_events_are_refused_without_tensorflow(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = TrainConfig(dataset="digits", tensorboard=True, run_dir=str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="TensorFlow.*leave --tensorboard out"):
        make_plan(config, Communicator())
    assert not (tmp_path / "run").exists()
