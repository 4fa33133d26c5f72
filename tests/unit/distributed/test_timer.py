"""The epoch timer changes nothing, and splits the time it sees."""

import time

import keras
import numpy as np
import pytest

from caps_hvd.distributed import distribute
from caps_hvd.distributed.callbacks import EpochTimer
from caps_hvd.distributed.comm import Communicator

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="steps are timed on TensorFlow only"
)


class SlowBatches(keras.utils.PyDataset):
    """Four batches, each of which takes a tenth of a second to make; the last is short."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        time.sleep(0.1)
        rows = 3 if index == 3 else 8
        return np.full((rows, 2), index, np.float32), np.ones((rows, 1), np.float32)


def fit(calibrated_ranks=None):
    """Train with dropout and a metric; return the model, its history and the timer."""
    keras.utils.set_random_seed(1)
    ranks = Communicator()
    net = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    net.compile(
        distribute(keras.optimizers.Adam(), ranks), "mse", metrics=["mae"], jit_compile=False
    )
    timer = EpochTimer(calibrated_ranks or ranks)
    callbacks = [] if calibrated_ranks is None else [timer]
    history = net.fit(SlowBatches(), epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    return net, history.history, timer


class Two(Communicator):
    """Claims a second rank, so that the timer calibrates."""

    def allgather_object(self, value):
        return [value, value]


def test_calibration_leaves_no_trace():
    plain, plain_history, _ = fit()
    timed, history, timer = fit(Two(0, 2))
    assert timer.calibration["rounds"] >= 3
    for value, expected in zip(timed.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    for name, values in plain_history.items():
        assert history[name] == values
    assert not hasattr(timed.train_function, "__self__")  # Keras's own again


def test_input_is_seen():
    _, _, timer = fit(Two(0, 2))
    second = timer.epochs[1]
    assert second["images"] == 2 * (3 * 8 + 3)
    assert second["startup_seconds"] == 0
    assert second["input_seconds"] > 0.2  # four batches of 0.1 s, some of them prefetched
    assert second["compute_seconds"] < second["input_seconds"]
    assert second["seconds"] == pytest.approx(
        sum(second[f"{p}_seconds"] for p in ("compute", "exposed_communication", "input", "other"))
    )


def test_a_step_that_cannot_be_put_back_is_not_measured(capsys):
    """It is run as often as there are batches, and start-up is told from the epoch all the same."""
    import tensorflow as tf

    runs = []

    class Counting(keras.Sequential):
        def train_step(self, data):
            tf.py_function(lambda: runs.append(1) or 0, [], tf.int32)
            return super().train_step(data)

    net = Counting([keras.layers.Input((2,)), keras.layers.Dense(1)])
    net.compile(distribute(keras.optimizers.Adam(), Communicator()), "mse", jit_compile=False)
    timer = EpochTimer(Two(0, 2))
    net.fit(SlowBatches(), epochs=1, shuffle=False, verbose=0, callbacks=[timer])
    assert "not measured" in capsys.readouterr().out
    assert (len(runs), timer.calibration) == (4, {})
    (epoch,) = timer.epochs
    assert epoch["exposed_communication_seconds"] == 0 < epoch["startup_seconds"]
    assert epoch["seconds"] >= epoch["compute_seconds"]
