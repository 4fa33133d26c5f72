"""The symptoms of docs/own_images.md, each made on purpose: what is said, and what helps.

One process trains several times on arrays of its own, since each start of TensorFlow costs seconds.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.records import record
from caps_hvd.training.build import build_model
from caps_hvd.training.forecast import forecast, warning

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "own_images.md").read_text(encoding="utf-8")
PROGRAM = """
import shlex, sys
from caps_hvd.cli import cli
for line in sys.stdin.read().splitlines():
    name = line.split()[-1]
    print(f"## {name}", flush=True)
    try:
        cli.main(shlex.split(line), prog_name="caps-hvd", standalone_mode=False)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""
TRAIN = "train --preset small --threads 1"
# The last word is the run's folder, by which a test finds what was said.
COMMANDS = f"""
{TRAIN} --dataset halves.npz --epochs 4 --batch-size 20 --run-dir learns
{TRAIN} --dataset halves.npz --epochs 9 --batch-size 20 --learning-rate 0.3 \
--initialization published --stop-when-stuck --run-dir stuck
{TRAIN} --dataset halves.npz --epochs 3 --batch-size 20 --learning-rate 1e-7 --run-dir slow
{TRAIN} --dataset noise.npz --epochs 20 --batch-size 10 --test-fraction 0.4 --run-dir overfitted
{TRAIN} --dataset noise.npz --epochs 20 --batch-size 10 --test-fraction 0.4 \
--validation-fraction 0.4 --patience 3 --run-dir early
{TRAIN} --dataset uneven.npz --epochs 2 --batch-size 50 --test-fraction 0.75 --run-dir uneven
{TRAIN} --dataset halves.npz --epochs 2 --learning-rate 1e30 --optimizer sgd \
--run-dir diverged
{TRAIN} --dataset planes.npz --epochs 2 --run-dir refused
""".replace("\\\n", "")


def write_arrays(folder):
    """Two classes that differ in the half that is darker; noise that has no class; 19 to 1."""
    random = np.random.default_rng(0)
    labels = np.arange(300) % 2
    halves = random.integers(200, 256, (300, 12, 12, 3))
    for image, label in zip(halves, labels, strict=True):
        image[:, 6 * label : 6 * label + 6] -= 60
    np.savez(folder / "halves.npz", x=halves.astype(np.uint8), y=labels)
    noise = random.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8)
    np.savez(folder / "noise.npz", x=noise, y=np.arange(60) % 2)
    noise = random.integers(0, 256, (1600, 8, 8, 1), dtype=np.uint8)
    np.savez(folder / "uneven.npz", x=noise, y=np.arange(1600) % 20 == 0)
    planes = np.moveaxis(halves.astype(np.uint8), -1, 1)
    np.savez(folder / "planes.npz", x=planes, y=labels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("symptoms")


@pytest.fixture(scope="module")
def said(folder):
    """Name of a run -> what was printed."""
    write_arrays(folder)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=COMMANDS.strip(), cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, timeout=550,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    parts = (part.split("\n", 1) for part in done.stdout.split("## ")[1:])
    return dict(parts)


def epochs(folder, run):
    return record.read(folder / run / "record.json").epochs


class TestTraining:
    def test_a_network_that_learns_has_no_symptom(self, said, folder):
        assert epochs(folder, "learns")[-1].test_accuracy > 0.9
        for symptom in ("saturated", "dead", "is taken for", "guessing"):
            assert symptom not in said["learns"]

    def test_stuck(self, said, folder):
        assert "epoch 2: class capsules are saturated" in said["stuck"]
        assert "--initialization scaled" in said["stuck"]
        assert "a smaller --learning-rate (0.3 here)" in said["stuck"]
        assert "StuckError: stopped, as --stop-when-stuck asks" in said["stuck"]
        assert not (folder / "stuck" / "model.weights.h5").exists()
        assert "`class capsules are saturated`" in PAGE

    def test_slow_to_learn_is_not_stuck(self, said):
        assert "saturated" not in said["slow"] and "dead" not in said["slow"]

    def test_overfitted(self, said, folder):
        last = epochs(folder, "overfitted")[-1]
        assert last.train_accuracy > 0.9 and last.test_accuracy < 0.75  # 24 images without a class

    def test_patience_ends_before_that(self, said, folder):
        assert len(epochs(folder, "early")) < 20

    def test_one_class_wins(self, said):
        assert "every image is taken for" in said["uneven"]
        assert "--class-weights balanced" in said["uneven"]
        assert "`every image is taken for ...`" in PAGE

    def test_diverged(self, said):
        assert " is nan since step " in said["diverged"]
        assert "smaller --learning-rate" in said["diverged"]
        assert "warmup" not in said["diverged"]  # of one rank there is none
        assert "`loss is nan since step ...`" in PAGE

    def test_refused(self, said, folder):
        assert said["refused"].startswith("DataError: ") and said["refused"].count("\n") == 1
        assert not (folder / "refused").exists()


@pytest.fixture(scope="module")
def large():
    """What a step of the paper's network on images of 32 x 32 takes, 100 of them."""
    config = TrainConfig(preset="paper")
    return config, forecast(build_model(config, (32, 32, 3), 2), config, steps=6000, cores=2)


def test_slow(large):
    config, takes = large
    line = warning(takes, config, available=2 * takes.memory_bytes)
    assert "an epoch about" in line and "or --preset slim" in line
    slim = TrainConfig(preset="slim")
    less = forecast(build_model(slim, (32, 32, 3), 2), slim, steps=6000, cores=2)
    assert less.step_seconds < takes.step_seconds / 5


def test_out_of_memory(large):
    config, takes = large
    with pytest.raises(ConfigError, match=r"of memory .* are free here.* or --preset slim"):
        warning(takes, config, available=takes.memory_bytes / 2.5)
