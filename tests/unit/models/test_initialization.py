"""The initialization "scaled": alike for any images, and any number of capsules and classes."""

import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd import models
from caps_hvd.config.model import CapsNetOptions, LeNet5Options, MlcnOptions
from caps_hvd.layers import RoutedCapsules
from caps_hvd.layers.routed_capsules import routed_inputs
from caps_hvd.models.initialization import initialize, needs_images

LENGTH = 0.65


def images(shape, low=0.0, high=1.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (12, *shape)).astype("float32")


def started(options, shape, classes, low=0.0, high=1.0):
    keras.utils.set_random_seed(1)
    model = models.build(options, shape, classes)
    batch = images(shape, low, high)
    initialize(model, batch.mean((0, 1, 2)), batch.std((0, 1, 2)), batch)
    return model, batch


def lengths(capsules):
    return np.linalg.norm(ops.convert_to_numpy(capsules), axis=-1)


def total_inputs(layer, capsules):
    """s, by v = |s|^2 / (1 + |s|^2) s / |s|."""
    outputs = ops.convert_to_numpy(layer(capsules)).astype("float64")
    length = np.linalg.norm(outputs, axis=-1, keepdims=True)
    return outputs / length * np.sqrt(length / (1 - length))


@pytest.mark.parametrize("sharing", [False, True])
@pytest.mark.parametrize(
    ("shape", "classes", "low", "high"),
    [
        ((8, 8, 1), 10, 0, 1),
        ((24, 20, 3), 2, 0, 1),
        ((10, 10, 2), 100, 0, 1),
        ((8, 8, 1), 3, 0.8, 1),
        ((8, 8, 1), 3, 0, 0.01),
    ],
)
def test_class_capsules_begin_with_the_same_length(shape, classes, low, high, sharing):
    options = CapsNetOptions(preset="small", decoder="none", weight_sharing=sharing)
    model, batch = started(options, shape, classes, low, high)
    with routed_inputs(model.encoder) as seen:
        model.encode(batch)
    ((layer, (capsules,)),) = seen.items()
    layer.iterations = 1  # uniform couplings
    capsules = ops.convert_to_numpy(capsules)
    found = total_inputs(layer, capsules / np.linalg.norm(capsules, axis=-1, keepdims=True))
    expected = (LENGTH / (1 - LENGTH)) ** 0.5 / max(1, classes / 10)
    assert np.mean(np.linalg.norm(found, axis=-1)) == pytest.approx(expected, rel=0.01)


def test_saturated_capsules_come_back():
    layer = RoutedCapsules(2, 16, initialization="scaled")
    capsules = np.full((4, 5000, 8), 8**-0.5, "float32")  # all inputs point the same way
    assert lengths(layer(capsules)).min() > 0.9
    layer.scale_start([capsules], LENGTH)
    assert lengths(layer(capsules)).mean() == pytest.approx(LENGTH, rel=0.5)


def test_the_gain_is_1_where_the_paper_has_none():
    """|s| in 16 components is sqrt(16 N) 0.1 / 10 on average, if N input capsules have length 1."""
    keras.utils.set_random_seed(4)
    layer = RoutedCapsules(10, 16, initialization="scaled")
    capsules = np.random.default_rng(5).normal(size=(12, 1152, 8)).astype("float32")
    layer.build(capsules.shape)
    layer.scale_start([capsules], LENGTH)
    assert float(layer.gain) == pytest.approx(1, rel=0.1)


def test_nothing_comes_in():
    layer = RoutedCapsules(2, 16, initialization="scaled")
    nothing = np.zeros((4, 50, 8), "float32")
    layer.build(nothing.shape)
    layer.scale_start([nothing], LENGTH)
    assert float(layer.gain) == 1 and not np.any(lengths(layer(nothing)))


def test_a_step_moves_class_capsules_alike_for_any_number_of_capsules_and_classes():
    """Adam's first step moves each weight by the rate, and capsules by the same part of them."""
    parts = []
    for capsules, classes in ((72, 10), (1152, 10), (4608, 10), (1152, 1), (1152, 2), (1152, 100)):
        keras.utils.set_random_seed(2)
        layer = RoutedCapsules(classes, 16, iterations=1, initialization="scaled")
        inputs = np.random.default_rng(3).normal(0, 0.1, (64, capsules, 8)).astype("float32")
        layer(inputs)
        layer.scale_start([inputs], LENGTH)
        before = total_inputs(layer, inputs)
        # A gradient that every image agrees on, for one image: the sign of its input capsules.
        signs = np.sign(inputs[0]).T[:, None, None, :]
        layer.kernel.assign(layer.kernel + 0.001 * signs)
        moved = (total_inputs(layer, inputs) - before)[0]
        fewer = 10 / classes if 1 < classes < 10 else 1  # with few classes the part is smaller
        parts.append(np.mean(moved) / np.mean(np.linalg.norm(before, axis=-1)) * fewer)
    # Means over 16 components, and for 10 classes and more over these: a few percent of chance.
    np.testing.assert_allclose(parts, parts[1], rtol=0.25)


def test_lanes_begin_alike_wherever_they_are():
    lanes = MlcnOptions(preset="small", lanes=3, lane_width=1, lane_type="mlcn1")
    shape = (20, 20, 1)

    def gains(**part):
        keras.utils.set_random_seed(1)
        model = models.build(lanes, shape, 5, seed=4, **part)
        batch = images(shape)
        initialize(model, batch.mean((0, 1, 2)), batch.std((0, 1, 2)), batch)
        with routed_inputs(model.encoder) as seen:
            pass
        return [float(layer.gain) for layer in seen]

    class Three(keras.layers.Layer):
        def call(self, capsules):
            return ops.concatenate([capsules, capsules, capsules], axis=-1)

        def compute_output_shape(self, shape):
            return (*shape[:-1], 3)

    whole = gains()
    assert len(set(whole)) == 3
    for lane in range(3):
        assert gains(lane_ids=[lane], exchange=Three()) == [whole[lane]]


def test_the_decoder_still_sees_images_from_0_to_1():
    model, batch = started(CapsNetOptions(preset="small"), (8, 8, 1), 3, 0.8, 1)
    reconstruction = ops.convert_to_numpy(model(batch)["reconstruction"])
    assert reconstruction.min() >= 0 and reconstruction.max() <= 1


def test_standardised_images_have_mean_0_and_deviation_1():
    model, batch = started(LeNet5Options(), (28, 28, 3), 4, 0.3, 0.4)
    first = model.encoder.layers[0]
    values = ops.convert_to_numpy(first(batch))
    np.testing.assert_allclose(values.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(values.std((0, 1, 2)), 1, rtol=1e-4)


def test_images_of_one_value_give_no_infinity():
    model, batch = started(CapsNetOptions(preset="small", decoder="none"), (8, 8, 1), 3, 0.5, 0.5)
    assert np.all(np.isfinite(ops.convert_to_numpy(model(batch)["scores"])))


@pytest.mark.parametrize(
    "options",
    [CapsNetOptions(initialization="published", preset="small"),
     LeNet5Options(initialization="published"),
     MlcnOptions(initialization="published", lanes=1, lane_width=1)],
)  # fmt: skip
def test_the_published_form_is_that_of_the_papers(options):
    model = models.build(options, (28, 28, 1), 3)
    assert not needs_images(model)
    assert not [w.path for w in model.weights if not w.trainable and "seed" not in w.path]
