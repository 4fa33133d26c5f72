"""One image goes another way than several do, to the same values and gradients."""

import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd.ops.convolution import convolution
from tests.unit.backend import value_and_gradients


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("size", [(3, 3), (2, 4), (7, 8)])
def test_one_image_equals_the_first_of_two(strides, size):
    random = np.random.default_rng(0)
    images = random.normal(size=(2, 7, 8, 3)).astype("float32")
    kernel = random.normal(size=(*size, 3, 5)).astype("float32")
    one, two = (
        ops.convert_to_numpy(convolution(batch, kernel, strides)) for batch in (images[:1], images)
    )
    rows, columns = ((n - k) // s + 1 for n, k, s in zip((7, 8), size, strides, strict=True))
    assert two.shape == (2, rows, columns, 5)
    np.testing.assert_allclose(one, two[:1], rtol=1e-4, atol=1e-5)


def test_by_hand():
    image = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    kernel = np.array([[1, 10], [100, 1000]], dtype="float32").reshape(2, 2, 1, 1)
    outputs = ops.convert_to_numpy(convolution(image, kernel, (1, 1)))
    assert outputs.reshape(2, 2).tolist() == [[4310, 5421], [7643, 8754]]


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_one_image_are_half_of_those_of_two_that_are_equal(compiled):
    random = np.random.default_rng(1)
    image = random.normal(size=(1, 6, 5, 2)).astype("float32")
    kernel = random.normal(size=(3, 2, 2, 4)).astype("float32")

    def one(image, kernel):
        return convolution(image, kernel, (2, 1))

    def two(image, kernel):
        both = convolution(ops.concatenate([image, image]), kernel, (2, 1))
        return ops.mean(both, axis=0, keepdims=True)

    value, found, _ = value_and_gradients(one, image, kernel, compiled=compiled)
    other, expected, _ = value_and_gradients(two, image, kernel, compiled=compiled)
    np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-5)
    for mine, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs are TensorFlow's")
def test_one_graph_takes_every_batch_size():
    import tensorflow as tf

    random = np.random.default_rng(2)
    images = random.normal(size=(3, 6, 5, 2)).astype("float32")
    kernel = random.normal(size=(3, 2, 2, 4)).astype("float32")
    spec = tf.TensorSpec((None, 6, 5, 2))
    graph = tf.function(lambda x: convolution(x, kernel, (2, 1)), [spec], autograph=False)
    whole = graph(images).numpy()
    parts = [graph(images[k : k + 1]).numpy() for k in range(3)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-5)
