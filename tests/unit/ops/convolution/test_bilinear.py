"""The bilinear form against the definition of convolution, over random shapes."""

import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from caps_hvd.ops.convolution.bilinear import bilinear_convolution
from caps_hvd.ops.convolution.geometry import Axis, Geometry, geometry, padding_of
from caps_hvd.ops.convolution.transforms import matrices, slots
from tests.unit.backend import value_and_gradients
from tests.unit.ops.convolution import reference

# Each shape is compiled anew by JAX, in a second or two.
EXAMPLES = 8 if keras.backend.backend() == "jax" else 30


@st.composite
def convolutions(draw, largest=14):
    """A `Geometry` with tiles of any size, and its padding."""
    padding = draw(st.sampled_from(("valid", "same")))

    def axis():
        kernel, stride = draw(st.integers(1, 6)), draw(st.integers(1, 4))
        size = draw(st.integers(kernel, largest))
        whole = Axis(size, kernel, stride, size, *padding_of(size, kernel, stride, padding))
        tile = draw(st.integers(whole.taps, whole.taps - 1 + whole.positions))
        return dataclasses.replace(whole, tile=tile)

    return Geometry(axis(), axis(), draw(st.integers(1, 3)), draw(st.integers(1, 4))), padding


def arrays(shape, batch, seed=0, dtype="float32"):
    """Random images and a random kernel."""
    random = np.random.default_rng(seed)
    down, right = shape.axes
    images = random.normal(size=(batch, down.size, right.size, shape.channels))
    kernel = random.normal(size=(down.kernel, right.kernel, shape.channels, shape.filters))
    return images.astype(dtype), kernel.astype(dtype)


def relative_error(found, expected):
    """The largest error of any value, relative to the largest value."""
    return np.abs(found - expected).max() / np.abs(expected).max()


@settings(max_examples=EXAMPLES, deadline=None)
@given(convolutions(), st.integers(1, 3), st.integers(0, 99))
def test_values_equal_the_definition(convolution, batch, seed):
    shape, padding = convolution
    images, kernel = arrays(shape, batch, seed)
    strides = tuple(axis.stride for axis in shape.axes)
    found = ops.convert_to_numpy(
        bilinear_convolution(ops.convert_to_tensor(images), ops.convert_to_tensor(kernel), shape)
    )
    expected = reference.convolve(images, kernel, strides, padding)
    assert found.shape == expected.shape
    assert relative_error(found, expected) < 1e-5


@pytest.mark.parametrize("compiled", [False, True])
@settings(max_examples=max(2, EXAMPLES // 6), deadline=None)
@given(convolutions(largest=8))
def test_gradients_equal_the_definition(compiled, convolution):
    shape, padding = convolution
    images, kernel = arrays(shape, batch=2)
    strides = tuple(axis.stride for axis in shape.axes)
    _, found, weighting = value_and_gradients(
        lambda *at: bilinear_convolution(*at, shape), images, kernel, compiled=compiled
    )
    expected = reference.gradients(images, kernel, strides, padding, weighting)
    for mine, other in zip(found, expected, strict=True):
        assert relative_error(mine, other) < 1e-5


def test_the_papers_second_convolution_takes_148_products_in_one_tile():
    shape = geometry((20, 20, 256), (9, 9, 256, 256), (2, 2))
    assert (shape.height.tile, shape.width.tile, shape.tiles) == (10, 10, 1)
    assert slots(10, 10) == 148
    assert [matrix.shape for matrix in matrices((10, 10), (5, 5))] == [
        (148, 100),
        (148, 25),
        (36, 148),
    ]


def test_a_large_image_is_cut_into_tiles():
    shape = geometry((227, 227, 8), (9, 9, 8, 16), (1, 1))
    assert shape.height.tile <= 16 and shape.tiles > 100
    assert shape.height.tiles * shape.height.outputs >= shape.height.positions == 219


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_the_matrices_multiply_in_float64_as_the_definition_does(height, width, data):
    taps = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    a, b, c = matrices((height, width), taps)
    assert len(a) == len(b) == c.shape[1] == slots(height, width)
    random = np.random.default_rng(0)
    image, kernel = random.normal(size=(1, height, width, 1)), random.normal(size=(*taps, 1, 1))
    expected = reference.convolve(image, kernel, (1, 1), "valid").reshape(-1)
    found = c @ ((a @ image.reshape(-1)) * (b @ kernel.reshape(-1)))
    # Each output is a sum over all slots of products of sums over all pixels.
    size = np.abs(c).sum(axis=1).max() * np.abs(a @ image.reshape(-1)).max()
    bound = 8 * np.finfo(np.float64).eps * size * np.abs(b).sum(axis=1).max() * len(a)
    assert np.abs(found - expected).max() <= bound
