"""A file of one's own from training to its pictures, by the command line, in one process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PROGRAM = """
import shlex, sys
from caps_hvd.cli import cli
for line in sys.stdin.read().splitlines():
    try:
        cli.main(shlex.split(line), standalone_mode=False)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""
SMALL = "--preset small --epochs 1 --batch-size 20"
READ = "--image-shape 9x10x2 --image-layout channels-first --pixel-range=-1,1 --test-fraction 0.25"
COMMANDS = f"""
train --dataset own.npz {SMALL} --run-dir refused
train --dataset own.npz {READ} {SMALL} --run-dir run
evaluate run
reconstruct run --images 3
perturb run --class-name dog
perturb run --class-name owl --test-samples 2
train --dataset own.npz {READ} {SMALL} --resume --run-dir run --test-fraction 0.5
data convert own.npz own.h5 {READ} --seed 0
evaluate run --dataset own.h5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two channels, flattened channel after channel, from -1 to 1, with texts as labels."""
    folder = tmp_path_factory.mktemp("own")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (48, 2, 9, 10)) / 127.5 - 1
    labels = np.array(["owl", "dog", "cat"])[np.arange(48) % 3]
    np.savez(folder / "own.npz", X=pixels.reshape(48, -1).astype("f4"), y=labels)
    return folder


@pytest.fixture(scope="module")
def lines(folder):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=COMMANDS,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=230,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def line(lines, start, number=0):
    return [line for line in lines if line.startswith(start)][number]


def test_it_is_said_how_the_file_is_read(lines):
    words = (
        "arrays X, y; flattened 9 x 10 x 2 images; values from -1 to 1; classes are the texts cat, "
        "dog, owl; no test part, so 12 images, 25% of each class, are held out for testing by seed "
        "0 (--test-fraction)"
    )
    assert line(lines, "own.npz is read as") == f"own.npz is read as: {words}"
    assert line(lines, "read as ") == f"read as      {words}"
    assert line(lines, "own.npz is read as", -1).endswith(words)  # by `data convert`


def test_what_has_two_meanings_is_refused_before_anything_is_written(lines, folder):
    assert "give their shape with --image-shape" in line(lines, "DataError")
    assert not (folder / "refused").exists()


def test_pictures_of_two_channels(lines, folder):
    for name in ("reconstructions.png", "perturb-dog.png"):
        assert str(Path("run") / name) in lines
        assert (folder / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_a_class_without_test_images(lines):
    assert "perturb: the class owl has no image among the 2 test images" in "\n".join(lines)


def test_a_run_goes_on_with_the_split_it_was_begun_with(lines):
    assert "--test-fraction (the run has 0.25, received 0.5)" in line(lines, "RunError")


def test_a_converted_file_is_the_same(lines):
    assert any(
        line.startswith("own.h5: 36 training and 12 test images of 9x10x2") for line in lines
    )
    accuracies = [line for line in lines if "accuracy" in line and "of 12 images" in line]
    assert len(accuracies) >= 2 and accuracies[-1] == accuracies[-2]
