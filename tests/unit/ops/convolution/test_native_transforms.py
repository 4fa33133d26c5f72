"""The transforms in C++ equal those in `keras.ops`, slot by slot, on every set of instructions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from caps_hvd.native.library import native
from caps_hvd.ops.convolution.bilinear import Transforms
from caps_hvd.ops.convolution.geometry import Axis, Geometry
from caps_hvd.ops.convolution.native_transforms import NativeTransforms
from tests.unit.ops.convolution.geometries import geometries

pytestmark = pytest.mark.skipif(
    native() is None, reason="needs the operations in C++: python -m caps_hvd.native"
)

# The most terms that a value is the sum of is a few hundred, so rounding stays below their root
# times 6e-8 (float32) or 1e-16 (float64) of the largest value.
TOLERANCE = {"float32": 3e-6, "float64": 1e-14}


# "avx2" keeps to AVX2 where the processor has AVX-512.
@pytest.fixture(params=["", "avx2"], scope="module")
def instructions(request):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CAPS_HVD_NATIVE_OPS", request.param)
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25, deadline=None)
@given(geometry=geometries, batch=st.integers(1, 3), seed=st.integers(0, 1000))
def test_each_transform(instructions, dtype, geometry, batch, seed):
    random = np.random.default_rng(seed)
    expected, found = Transforms(geometry), NativeTransforms(geometry)
    down, right = geometry.axes

    def tensor(*shape):
        return ops.convert_to_tensor(random.normal(size=shape), dtype=dtype)

    def check(name, *arguments):
        reference = ops.convert_to_numpy(getattr(expected, name)(*arguments))
        value = ops.convert_to_numpy(getattr(found, name)(*arguments))
        assert value.shape == reference.shape
        error = np.max(np.abs(value - reference), initial=0)
        assert error <= TOLERANCE[dtype] * np.max(np.abs(reference), initial=0), name
        return tensor(*value.shape)

    images = tensor(batch, down.size, right.size, geometry.channels)
    kernel = tensor(down.kernel, right.kernel, geometry.channels, geometry.filters)
    upstream = tensor(batch, down.positions, right.positions, geometry.filters)
    image_slots, upstream_slots = check("images", images), check("outputs_adjoint", upstream)
    check("kernel", kernel)
    check("images_adjoint", image_slots)
    check("outputs", upstream_slots)
    check("kernel_gradient", image_slots, upstream_slots)


def test_tensors_that_go_past_the_cache():
    axis = Axis(size=20, kernel=9, stride=2, tile=10)
    geometry = Geometry(axis, axis, 64, 64)
    random = np.random.default_rng(0)
    images = ops.convert_to_tensor(random.normal(size=(40, 20, 20, 64)), dtype="float32")
    value, reference = (
        ops.convert_to_numpy(form(geometry).images(images))
        for form in (NativeTransforms, Transforms)
    )
    assert value.nbytes > 4 << 20  # kLarge in tile_transform.cc
    np.testing.assert_allclose(value, reference, atol=TOLERANCE["float32"] * np.max(reference))


@pytest.mark.parametrize("batch", [0, 33, 300])
def test_a_kernel_gradient_of_several_blocks(instructions, batch):
    axis = Axis(size=3, kernel=2, stride=1, tile=3)
    geometry = Geometry(axis, axis, 100, 70)
    random = np.random.default_rng(0)
    slots = [random.normal(size=(13, batch, columns)) for columns in (100, 70)]
    slots = [ops.convert_to_tensor(array, dtype="float64") for array in slots]
    value, reference = (
        ops.convert_to_numpy(form(geometry).kernel_gradient(*slots))
        for form in (NativeTransforms, Transforms)
    )
    np.testing.assert_allclose(value, reference, atol=1e-14 * np.max(reference))


def test_an_unknown_batch():
    import tensorflow as tf

    axis = Axis(size=9, kernel=3, stride=2, tile=4)
    transforms = NativeTransforms(Geometry(axis, axis, 3, 5))
    images = tf.function(transforms.images, [tf.TensorSpec((None, 9, 9, 3))], autograph=False)
    assert images.get_concrete_function().outputs[0].shape.as_list() == [22, None, 12]
    slots = images(tf.ones((2, 9, 9, 3)))
    assert slots.shape == (22, 8, 12)
    assert transforms.images_adjoint(slots).shape == (2, 9, 9, 3)

    def gradient(images, upstream):
        return transforms.kernel_gradient(transforms.images(images), upstream)

    signature = [tf.TensorSpec((None, 9, 9, 3)), tf.TensorSpec((None, None, 5))]
    graph = tf.function(gradient, signature, autograph=False).get_concrete_function()
    assert graph.outputs[0].shape.as_list() == [3, 3, 3, 5]


def test_shapes_that_do_not_fit_are_refused():
    import tensorflow as tf

    axis = Axis(size=9, kernel=3, stride=2, tile=4)
    transforms = NativeTransforms(Geometry(axis, axis, 3, 5))
    with pytest.raises(tf.errors.InvalidArgumentError, match="planes must have the shape"):
        transforms.images(tf.zeros((1, 8, 9, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="slots must have the shape"):
        transforms.images_adjoint(tf.zeros((7, 4, 12)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="left and right must have the shapes"):
        transforms.kernel_gradient(tf.zeros((22, 4, 12)), tf.zeros((22, 3, 5)))
