import numpy as np
import pytest
from keras import ops

from caps_hvd.ops import exponential_squash, squash
from caps_hvd.ops.squash import squash_gradient
from tests.unit.backend import value_and_gradients


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([3.0, 4.0], [15 / 26, 20 / 26]),  # length 5 becomes 25 / 26
        ([0.0, 1.0], [0.0, 0.5]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1e-3, 0.0], [1e-6 / (1 + 1e-6), 0.0]),
        ([6e8, 8e8], [0.6, 0.8]),
    ],
)
def test_by_hand(vector, expected):
    result = ops.convert_to_numpy(squash(np.asarray([vector], "float32")))
    np.testing.assert_allclose(result[0], expected, rtol=1e-6)


def test_gradient_equals_differentiation():
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    vectors[2] = 0
    _, (by_backend,), upstream = value_and_gradients(squash, vectors)
    by_hand = ops.convert_to_numpy(squash_gradient(vectors, upstream))
    np.testing.assert_allclose(by_hand, by_backend, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(by_hand[2], 0, atol=1e-11)


def test_any_axis():
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    across = ops.convert_to_numpy(squash(vectors.T, axis=0)).T
    np.testing.assert_allclose(across, ops.convert_to_numpy(squash(vectors)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    # The square of 300 is beyond float16.
    result = squash(ops.cast(np.asarray([[300.0, 0.0]]), dtype))
    assert ops.dtype(result) == "float32"
    assert float(result[0, 0]) == pytest.approx(90000 / 90001)


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([3.0, 4.0], [0.6 * (1 - np.exp(-5)), 0.8 * (1 - np.exp(-5))]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1e-6, 0.0], [1e-6 - 5e-13, 0.0]),
        ([6e8, 8e8], [0.6, 0.8]),
    ],
)
def test_exponential_squash_by_hand(vector, expected):
    result = ops.convert_to_numpy(exponential_squash(np.asarray([vector], "float32")))
    np.testing.assert_allclose(result[0], expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-8, 0.0])
def test_gradient_of_the_exponential_squash(scale):
    """`J^T g = f g + f' (s . g) s / l`, with `f(l) = (1 - exp(-l)) / l`, in float64."""
    vectors = (scale * np.random.default_rng(0).normal(size=(5, 4))).astype("float32")
    _, (found,), upstream = value_and_gradients(exponential_squash, vectors)
    s, g = vectors.astype("float64"), upstream.astype("float64")
    length = np.maximum(np.linalg.norm(s, axis=-1, keepdims=True), 1e-12)
    factor = -np.expm1(-length) / length
    slope = (np.exp(-length) - factor) / length
    expected = factor * g + slope * np.sum(s * g, axis=-1, keepdims=True) * s / length
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_exponential_squash_of_half_precision_is_computed_in_float32(dtype):
    result = exponential_squash(ops.cast(np.asarray([[300.0, 0.0]]), dtype))
    assert ops.dtype(result) == "float32"
    assert float(result[0, 0]) == 1
