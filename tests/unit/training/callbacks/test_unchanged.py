"""Training that changes nothing is noticed, and so is what accumulation leaves over."""

import keras
import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed import distribute
from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError
from caps_hvd.training.callbacks.unchanged import (
    UnchangedWeights,
    accumulation_line,
    check_accumulation,
    unchanged,
)


def schedule(samples, **options):
    return TrainConfig(batch_size=10, epochs=2, **options).schedule(samples, 1)


def test_more_steps_of_accumulation_than_steps():
    check_accumulation(16, schedule(80))
    with pytest.raises(ConfigError, match="at most the 16 steps of the run, received 17"):
        check_accumulation(17, schedule(80))


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (1, None),
        (4, None),
        (3, "8 steps are no multiple of it.*; the last step of the run will change nothing"),
        (16, "8 steps are no multiple of it.*update$"),
        (7, "the last 2 steps of the run will change nothing"),
    ],
)
def test_steps_that_accumulation_leaves_over(steps, words):
    import re

    line = accumulation_line(steps, schedule(80))
    assert (line is None) if words is None else re.search(words, line)


@pytest.mark.parametrize(
    ("after", "same"),
    [([1.0, 0.0], True), ([1.0, 1e-30], True), ([1.0, 1e-3], False), ([np.nan, 0.0], False)],
)
def test_less_than_rounding_is_no_change(after, same):
    before = [np.array([1.0, 0.0], np.float32)]
    assert unchanged(before, [np.array(after, np.float32)]) is same


@pytest.mark.parametrize(
    ("options", "rate", "words"),
    [
        ({}, 0.1, None),
        ({}, 1e-20, "the learning rate, 1e-20"),
        ({"accumulate_steps": 8}, 0.1, "the first update comes after --accumulate-steps 8 steps"),
    ],
)
def test_what_is_said_after_the_first_epoch(capsys, options, rate, words):
    ranks = Communicator()
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    net.compile(distribute(keras.optimizers.SGD(rate), ranks, **options), "mse", jit_compile=False)
    x = np.ones((4, 2), np.float32)
    callback = UnchangedWeights(ranks)
    net.fit(x, x[:, :1] + 9, batch_size=1, epochs=1, verbose=0, callbacks=[callback])
    said = capsys.readouterr().out
    assert said == "" if words is None else f"no weight has changed in epoch 1: {words}" in said
