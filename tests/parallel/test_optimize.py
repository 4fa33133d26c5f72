"""A grid of two policies really trained, and the one chosen read back."""

import subprocess
import sys

import pytest

from caps_hvd.config.file import load
from caps_hvd.report import base
from caps_hvd.report.trade_off.configurations import trade_off

pytestmark = [pytest.mark.parallel, pytest.mark.timeout(200)]

DEFINITION = """
launcher = "local"

[train]
dataset = "digits"
preset = "small"
decoder = "none"
train_samples = 40
test_samples = 20
batch_size = 8
batch_exponent = 3
first_epochs = 1
epochs = 2

[axes]
policy = ["fixed", "warmadabatch"]
"""


def test_a_grid_is_trained_and_its_smallest_time_chosen(tmp_path):
    (tmp_path / "two.toml").write_text(DEFINITION)
    command = [sys.executable, "-m", "caps_hvd.cli", "optimize", "two.toml", "--no-plots"]
    done = subprocess.run(
        [*command, "--minimise", "epochs"],
        cwd=tmp_path, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    fixed, warm = trade_off(base.load(tmp_path / "sweeps" / "two")).configurations
    assert (fixed.name, warm.name) == ("policy fixed", "policy warmadabatch")
    assert fixed.epochs == warm.epochs == (1, 2)
    assert fixed.parameters == warm.parameters
    assert fixed.learning_rates == (0.001, 0.001)
    assert warm.learning_rates[0] < 0.0002  # the last of 40 steps of a cosine down to 0.0001
    config = load(tmp_path / "sweeps" / "two" / "report" / "chosen.toml")
    least = min((fixed, warm), key=lambda each: (each.best_epoch, -each.best_accuracy))
    assert config.policy == least.axes["policy"]
    assert (config.train_samples, config.decoder, config.seed) == (40, "none", 0)
