"""The convolution layer: Keras's own, whatever the form."""

import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd.layers import Conv2D, PrimaryCapsules
from caps_hvd.layers.convolution import bilinear_promises, choose_convolutions
from caps_hvd.ops.convolution import Rates

FAST_PRODUCTS = Rates(direct=1e9, product=1e12, transform=1e12)
FAST_LIBRARY = Rates(direct=1e15, product=1e9, transform=1e9)


def network(**options):
    images = keras.Input((11, 13, 16))
    values = Conv2D(24, 5, activation="relu", padding="same", name="first", **options)(images)
    capsules = PrimaryCapsules(4, 8, 5, 2, name="capsules", **options)(values)
    return keras.Model(images, capsules)


@pytest.mark.parametrize("form", ["auto", "bilinear"])
def test_forms_agree(form):
    model = network()
    images = np.random.default_rng(0).random((3, 11, 13, 16), "float32")
    expected = ops.convert_to_numpy(model(images))
    chosen = choose_convolutions(model, form, FAST_PRODUCTS)
    assert all(least is not None and least <= 3 for least in chosen.values())
    # Sums of 600 products in float32, in another order.
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), expected, rtol=0, atol=1e-5)


def test_keras_layer_has_the_same_weights_and_outputs():
    images = np.random.default_rng(0).random((2, 8, 8, 3), "float32")
    ours, keras_own = Conv2D(4, 3), keras.layers.Conv2D(4, 3)
    ours.build((None, 8, 8, 3)), keras_own.build((None, 8, 8, 3))
    keras_own.set_weights(ours.get_weights())
    assert [w.name for w in ours.weights] == [w.name for w in keras_own.weights]
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(images)), ops.convert_to_numpy(keras_own(images)), atol=1e-6
    )


def test_the_choice_is_by_layer():
    paths = {"first", "capsules/convolution"}
    assert set(choose_convolutions(network(), "direct")) == paths
    assert choose_convolutions(network(), "direct") == dict.fromkeys(paths)
    assert choose_convolutions(network(), "bilinear") == dict.fromkeys(paths, 1)
    assert choose_convolutions(network(), "auto", FAST_LIBRARY) == dict.fromkeys(paths)


def test_half_precision_stays_direct():
    model = network(dtype="mixed_bfloat16")
    assert not bilinear_promises(model)
    assert set(choose_convolutions(model, "bilinear").values()) == {None}


@pytest.mark.parametrize(
    "options", [{"groups": 2}, {"dilation_rate": 2}, {"data_format": "channels_first"}]
)
def test_what_has_no_bilinear_form_stays_direct(options):
    layer = Conv2D(16, 3, **options)
    layer.build((None, 16, 16, 16))
    assert not layer.promises
