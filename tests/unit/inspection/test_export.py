"""Exported networks give a run's scores, in processes that know nothing of this package."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.export_check import differences
from caps_hvd.errors import ConfigError, RunError, SetupError
from caps_hvd.inspection import commands
from caps_hvd.inspection.export_formats import check_format

EXAMPLE = Path(__file__).parents[3] / "examples" / "my_net.py"
KEYS = {"image_shape", "input_range", "class_names", "outputs", "run", "version"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="TensorFlow exports"
    ),
]
_TRAIN = """
import sys
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.training.run import train
for name, options in {options!r}.items():
    train(TrainConfig(dataset="digits", train_samples=200, test_samples=100, epochs=1,
                      run_dir=sys.argv[1] + "/" + name, **options))
"""
RUNS = {
    "small": {
        "preset": "small",
        "routing_memory_mib": 1.0,
        "precision": "bfloat16",
        "convolution": "direct",
    },
    "own": {"model": f"{EXAMPLE}:capsules"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A capsule network with a decoder, trained in half precision and blocks; and one's own."""
    folder = tmp_path_factory.mktemp("runs")
    program = [sys.executable, "-c", _TRAIN.format(options=RUNS), str(folder)]
    subprocess.run(program, check=True, timeout=280)
    return folder


@pytest.mark.parametrize("kind", ["keras", "saved-model", "onnx"])
def test_scores_are_those_of_the_run(runs, kind):
    packages = ("onnx", "tf2onnx", "onnxruntime") if kind == "onnx" else ()
    for package in packages:
        pytest.importorskip(package)
    found = differences(runs / "own", [kind], "0-255" if kind == "saved-model" else "0-1")
    print(found)
    assert found[kind] < 1e-5


def test_every_output_and_the_metadata(runs, tmp_path):
    import tensorflow as tf

    path = tmp_path / "network"
    outputs = ("scores", "reconstruction", "capsules")
    commands.export(runs / "small", "saved-model", path, "0-255", outputs)
    network = tf.saved_model.load(path)
    found = network.serve(np.full((3, 8, 8, 1), 200, np.float32))
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    assert shapes == {"scores": (3, 10), "reconstruction": (3, 8, 8, 1), "capsules": (3, 10, 16)}
    lengths = np.linalg.norm(found["capsules"], axis=-1)
    np.testing.assert_allclose(found["scores"], lengths, atol=1e-6)  # float32, though of bfloat16
    facts = json.loads((path / "assets.extra" / "caps_hvd.json").read_text())
    assert set(facts) == KEYS and facts["class_names"] == [str(digit) for digit in range(10)]
    assert (facts["image_shape"], facts["input_range"]) == ([8, 8, 1], [0, 255])
    graph = (path / "saved_model.pb").read_bytes()
    assert b"CapsHvd" not in graph and b"PyFunc" not in graph  # operations in C++, and in Python
    with pytest.raises(RunError, match="is there already"):
        commands.export(runs / "small", "saved-model", path, "0-255", outputs)


def test_what_cannot_be_exported(runs, tmp_path, monkeypatch):
    path = tmp_path / "network.keras"
    with pytest.raises(ConfigError, match=r"--outputs: expected some of scores, capsules, .*recon"):
        commands.export(runs / "own", "keras", path, "0-1", ("reconstruction",))
    assert not list(tmp_path.iterdir())
    commands.export(runs / "own", "keras", path, "0-1", ("scores",))
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("caps_hvd.json"))["input_range"] == [0, 1]
    with (runs / "own" / "model.py").open("a") as copy:
        copy.write("# changed\n")
    with pytest.raises(ConfigError, match=r"model.py as it was when the run began"):
        commands.export(runs / "own", "keras", path, "0-1", ("scores",))


def test_a_format_that_cannot_be_written_here(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "onnx" in name else found(name)
    )
    with pytest.raises(SetupError, match=r"onnx and tf2onnx.*caps_hvd\[onnx\]"):
        check_format("onnx")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    check_format("keras")
    with pytest.raises(ConfigError, match="expected keras under KERAS_BACKEND=jax, received 'onnx"):
        check_format("onnx")
