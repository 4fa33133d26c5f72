"""Adam in one pass takes Keras's steps."""

import keras
import numpy as np
import pytest

from caps_hvd.distributed import distribute
from caps_hvd.distributed.comm import Communicator
from caps_hvd.training import fused_adam

X = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
Y = np.sin(X.sum(axis=1, keepdims=True))


def train(optimizer, steps=30):
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.layers.Input((5,)),
            keras.layers.Dense(7, "tanh"),
            keras.layers.Dense(1),
        ]
    )
    net.compile(optimizer, "mse", jit_compile=False)
    net.fit(X, Y, batch_size=64, epochs=steps, shuffle=False, verbose=0)
    return net


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("options", [{}, {"amsgrad": True}, {"clipnorm": 0.1, "beta_1": 0.5}])
def test_the_same_weights_and_moments(name, options):
    options = {"learning_rate": 0.01, **options}
    keras_net = train(getattr(keras.optimizers, name)(**options))
    own_net = train(distribute(getattr(fused_adam, name)(**options), Communicator()))
    expected = [*keras_net.weights, *keras_net.optimizer.variables]
    values = [*own_net.weights, *own_net.optimizer.variables]
    for value, reference in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=2e-4, atol=2e-6)


def test_a_model_is_saved_and_goes_on(tmp_path):
    net = train(fused_adam.Adam(0.01), steps=2)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert type(again.optimizer) is fused_adam.Adam
    for each in (net, again):
        each.fit(X, Y, batch_size=64, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(net.get_weights()[0], again.get_weights()[0], rtol=1e-5)
