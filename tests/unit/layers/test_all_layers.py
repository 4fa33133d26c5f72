"""One harness that every layer passes; a layer that is missing from `CASES` fails it."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd import layers
from tests.unit.backend import value_and_gradients


def normal(*shape):
    return np.random.default_rng(3).normal(size=shape).astype("float32")


CASES = {
    "CapsuleChoice": (layers.CapsuleChoice, normal(2, 3, 4), (2, 4)),
    "CapsuleLength": (layers.CapsuleLength, normal(2, 3, 4), (2, 3)),
    "CapsuleMask": (layers.CapsuleMask, normal(2, 3, 4), (2, 12)),
    "Conv2D": (
        lambda **keywords: layers.Conv2D(6, 3, 2, padding="same", **keywords),
        normal(2, 7, 7, 5),
        (2, 4, 4, 6),
    ),
    "DepthwisePrimaryCapsules": (
        lambda **keywords: layers.DepthwisePrimaryCapsules(3, **keywords),
        normal(2, 4, 5, 6),
        (2, 2, 3),
    ),
    "PrimaryCapsules": (
        lambda **keywords: layers.PrimaryCapsules(4, 6, 3, 2, padding="same", **keywords),
        normal(2, 7, 7, 5),
        (2, 4 * 4 * 4, 6),
    ),
    "RoutedCapsules": (
        lambda **keywords: layers.RoutedCapsules(3, 5, iterations=2, memory_mib=1.5, **keywords),
        normal(2, 7, 4),
        (2, 3, 5),
    ),
    "RoutedCapsules, scaled": (
        lambda **keywords: layers.RoutedCapsules(3, 5, 3, initialization="scaled", **keywords),
        normal(2, 7, 4),
        (2, 3, 5),
    ),
    "RoutedCapsules, weights shared": (
        lambda **keywords: layers.RoutedCapsules(3, 5, 3, types=2, **keywords),
        normal(2, 6, 4),
        (2, 3, 5),
    ),
    "SelfAttentionCapsules": (
        lambda **keywords: layers.SelfAttentionCapsules(3, 5, **keywords),
        normal(2, 7, 4),
        (2, 3, 5),
    ),
    "Standardization": (layers.Standardization, normal(2, 7, 7, 3), (2, 7, 7, 3)),
}


def test_every_layer_is_in_the_harness():
    public = {name for name, value in vars(layers).items() if inspect.isclass(value)}
    assert public == {name.split(",")[0] for name in CASES} == set(layers.__all__)


@pytest.fixture(params=sorted(CASES))
def case(request):
    return CASES[request.param]


def test_shape(case):
    build, inputs, shape = case
    layer = build()
    assert tuple(layer(inputs).shape) == shape
    assert tuple(layer.compute_output_shape(inputs.shape)) == shape
    symbolic = layer(keras.Input(inputs.shape[1:]))
    assert tuple(symbolic.shape) == (None, *shape[1:])


class Calls(keras.Model):
    """Calls a layer itself, so that Keras has no graph of it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


def test_a_summary_shows_the_shape(case):
    build, inputs, shape = case
    model = Calls(build())
    model(inputs)
    lines = []
    model.summary(print_fn=lines.append)
    assert str(shape) in "".join(lines)


def test_configuration_and_weights_make_the_same_layer_again(case):
    build, inputs, _ = case
    layer = build(name="one")
    expected = layer(inputs)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.build(inputs.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, (again(inputs), expected)))


def test_saved_and_loaded(case, tmp_path):
    build, inputs, _ = case
    model = keras.Sequential([keras.Input(inputs.shape[1:]), build()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, (model(inputs), loaded(inputs))))


def test_gradient_is_finite_and_not_zero(case):
    build, inputs, _ = case
    layer = build()
    layer(inputs)
    _, (gradient,), _ = value_and_gradients(layer, inputs)
    assert np.isfinite(gradient).all()
    assert gradient.any()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_computes_in_any_precision_and_returns_float32(case, policy):
    build, inputs, _ = case
    in_float32 = build()
    expected = ops.convert_to_numpy(in_float32(inputs))
    layer = build(dtype=policy)
    layer.build(inputs.shape)
    layer.set_weights(in_float32.get_weights())
    assert all(weight.dtype == "float32" for weight in layer.weights)
    outputs = layer(inputs)
    # Masks compute nothing, and a convolution is Keras's own.
    if not isinstance(layer, layers.CapsuleMask | layers.CapsuleChoice | layers.Conv2D):
        assert ops.dtype(outputs) == "float32"
    outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    np.testing.assert_allclose(outputs, expected, atol=0.05)


def test_mask_keeps_the_labelled_or_the_longest_capsule():
    capsules = np.asarray([[[3.0, 0.0], [0.0, 4.0], [1.0, 1.0]]], "float32")
    mask = layers.CapsuleMask()
    assert ops.convert_to_numpy(mask(capsules)).tolist() == [[0, 0, 0, 4, 0, 0]]
    assert ops.convert_to_numpy(mask(capsules, np.asarray([2]))).tolist() == [[0, 0, 0, 0, 1, 1]]
    choice = layers.CapsuleChoice()
    assert ops.convert_to_numpy(choice(capsules)).tolist() == [[0, 4]]
    assert ops.convert_to_numpy(choice(capsules, np.asarray([2]))).tolist() == [[1, 1]]


@pytest.mark.parametrize(
    "mask, shape", [(layers.CapsuleMask, (2, 12)), (layers.CapsuleChoice, (2, 4))]
)
def test_a_mask_with_labels_tells_its_shape(mask, shape):
    layer = mask()
    layer(normal(2, 3, 4), np.asarray([2, 0]))
    assert layer.compute_output_shape(**layer.get_build_config()["shapes_dict"]) == shape


def test_types_must_divide_the_input_capsules():
    with pytest.raises(ValueError, match=r"types=3, input_shape=\(2, 7, 4\)"):
        layers.RoutedCapsules(3, 5, 3, types=3).build((2, 7, 4))


def test_length_of_a_zero_capsule_has_a_finite_gradient():
    zero = np.zeros((1, 2, 3), "float32")
    value, (gradient,), _ = value_and_gradients(layers.CapsuleLength(), zero)
    assert np.abs(value).max() < 1e-10
    assert not gradient.any()


def test_a_primary_capsule_is_made_of_neighbouring_channels():
    layer = layers.PrimaryCapsules(2, 3, 1)
    image = normal(1, 2, 2, 6)
    layer.build(image.shape)
    layer.convolution.set_weights([np.eye(6, dtype="float32")[None, None], np.zeros(6, "float32")])
    capsules = ops.convert_to_numpy(layer(image))
    vector = image[0, 0, 1, 3:]  # row 0, column 1, second type: the fourth capsule
    square = np.sum(vector**2)
    np.testing.assert_allclose(capsules[0, 3], vector * np.sqrt(square) / (1 + square), rtol=1e-5)


def test_a_depthwise_capsule_is_made_of_neighbouring_maps():
    """The grouped convolution that it stands for, whose kernel is as large as the maps."""
    layer = layers.DepthwisePrimaryCapsules(2)
    maps = normal(3, 4, 5, 6)
    layer.build(maps.shape)
    layer.set_weights([normal(4, 5, 1, 6), normal(6)])
    kernel, bias = (each.astype("float64") for each in layer.get_weights())
    s = np.sum(maps * kernel[:, :, 0], axis=(1, 2)).reshape(3, 3, 2) + bias.reshape(3, 2)
    length = np.linalg.norm(s, axis=-1, keepdims=True)
    expected = (1 - np.exp(-length)) * s / length
    np.testing.assert_allclose(ops.convert_to_numpy(layer(maps)), expected, rtol=1e-4, atol=1e-6)


def test_depthwise_capsules_must_divide_the_channels():
    with pytest.raises(ValueError, match=r"capsule_dim=4, input_shape=\(2, 4, 5, 6\)"):
        layers.DepthwisePrimaryCapsules(4).build((2, 4, 5, 6))
