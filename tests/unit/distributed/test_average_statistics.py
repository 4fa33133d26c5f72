"""Statistics of layers are averaged over ranks; what is the same stays so to the bit."""

import keras
import numpy as np

from caps_hvd.distributed.callbacks import AverageStatistics


class Three:
    """A communicator of three ranks, of which the others have what this one has, plus one."""

    size = 3

    def __init__(self, added):
        self.added = added

    def allreduce(self, value, op):
        assert op == "sum" and value.dtype == np.float64
        return value + 2 * (value + self.added)


def model():
    layers = [keras.layers.Dense(2), keras.layers.BatchNormalization()]
    return keras.Sequential([keras.Input((3,)), *layers])


def test_the_mean_over_ranks():
    built = model()
    trained = [weight.numpy() for weight in built.trainable_weights]
    callback = AverageStatistics(Three(added=1.0))
    callback.set_model(built)
    callback.on_epoch_end(0)
    mean, variance = (weight.numpy() for weight in built.non_trainable_weights)
    np.testing.assert_allclose(mean, 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(variance, 5 / 3, rtol=1e-6)
    for before, weight in zip(trained, built.trainable_weights, strict=True):
        np.testing.assert_array_equal(before, weight.numpy())


def test_what_is_the_same_stays_to_the_bit():
    built = model()
    values = [np.random.default_rng(0).random(2, np.float32) for _ in range(2)]
    for weight, value in zip(built.non_trainable_weights, values, strict=True):
        weight.assign(value)
    callback = AverageStatistics(Three(added=0.0))
    callback.set_model(built)
    callback.on_epoch_end(0)
    for weight, value in zip(built.non_trainable_weights, values, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_nothing_is_sent_where_there_are_none():
    callback = AverageStatistics(None)
    callback.communicator = type("Two", (), {"size": 2})()
    callback.set_model(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    callback.on_epoch_end(0)
