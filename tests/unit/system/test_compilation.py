"""Seconds of compiling: what contains each other counts once; on JAX the first epoch has none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from caps_hvd.system.compilation import CompilationClock

PROGRAM = """
import keras, numpy as np
from caps_hvd.distributed import EpochTimer
from caps_hvd.distributed.comm import Communicator

net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
net.compile("adam", "mse", jit_compile=True)
timer = EpochTimer(Communicator(), images_per_epoch=40)
x = np.ones((40, 4), "float32")
net.fit(x, x[:, :1], batch_size=16, epochs=3, verbose=0, callbacks=[timer])  # a last step of 8
first, second, third = timer.epochs
assert first["startup_seconds"] > 0, first
assert first["seconds"] > 0 and first["images"] == 40
assert third["startup_seconds"] <= 0.1 * first["startup_seconds"], timer.epochs
"""


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0.0),
        ([(1.0, 2.0), (3.0, 5.0)], 3.0),
        ([(1.0, 4.0), (2.0, 3.0)], 3.0),
        ([(1.0, 3.0), (2.0, 4.0)], 3.0),
        ([(-5.0, 1.0), (9.0, 20.0)], 2.0),
        ([(-5.0, -1.0), (11.0, 12.0)], 0.0),
    ],
)
def test_what_is_done_at_one_time_counts_once(spans, seconds):
    clock = CompilationClock()
    clock._spans = spans
    assert clock.seconds(0.0, 10.0) == pytest.approx(seconds)


def test_an_epoch_on_jax_does_not_contain_its_compilation():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[3], timeout=120,
        env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
