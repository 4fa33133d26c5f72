"""Routing in C++ against the form in `keras.ops`, on each instruction set of this processor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caps_hvd.native.library import native
from caps_hvd.ops.routing import dynamic_routing
from caps_hvd.ops.routing.native_routing import routes_natively
from tests.unit.backend import value_and_gradients

pytestmark = pytest.mark.skipif(
    native() is None, reason="the operations in C++ are not built, or not for this backend"
)

# b, i, d, j, o: strips of 32 capsules, vectors of 8 and 16, and what is left of each.
SHAPES = st.tuples(*(st.integers(1, most) for most in (9, 70, 9, 7, 18)))


@pytest.fixture(params=["1", "avx2"])
def instructions(request, monkeypatch):
    """The widest vectors of this processor, and those of AVX2."""
    monkeypatch.setenv("CAPS_HVD_NATIVE_OPS", request.param)


def check(shape, iterations, seed=0, stop_gradient=False, compiled=False):
    """Values and gradients, against those of the form in `keras.ops` in float64.

    They are compared with the largest element, because single ones are differences of larger
    numbers. 2e-5 is 170 roundings of float32.
    """
    batch, inputs, in_dim, classes, out_dim = shape
    random = np.random.default_rng(seed)
    x = random.normal(size=(batch, inputs, in_dim)).astype("float32")
    weights = random.normal(size=(in_dim, classes, out_dim, inputs)).astype("float32") * 0.3

    def routed(*operands):
        value, gradients, _ = value_and_gradients(
            lambda x, weights: dynamic_routing(x, weights, iterations, stop_gradient),
            *operands,
            compiled=compiled,
        )
        return [value, *gradients]

    assert routes_natively(x, weights)
    exact = routed(x.astype("float64"), weights.astype("float64"))  # not a type of the C++
    for ours, expected in zip(routed(x, weights), exact, strict=True):
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("stop_gradient", [False, True])
def test_equals_the_form_in_keras_ops(stop_gradient):
    @settings(max_examples=10, deadline=None)
    @given(shape=SHAPES, iterations=st.integers(1, 4), seed=st.integers(0, 2**16))
    def check_all(shape, iterations, seed):
        check(shape, iterations, seed, stop_gradient)

    check_all()


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize(
    "shape",
    [
        (1, 33, 8, 10, 16),
        (4, 64, 8, 1, 16),
        (25, 40, 8, 11, 16),
        (3, 1, 1, 2, 1),
        (2, 40, 3, 30, 5),
    ],
)
def test_one_image_one_class_many_classes_and_what_is_left_of_a_block(shape):
    check(shape, iterations=3)


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("batch", [1, 5])
def test_compiled_with_a_batch_that_is_unknown_while_tracing(batch):
    check((batch, 40, 4, 3, 16), iterations=3, compiled=True)


@pytest.mark.usefixtures("instructions")
def test_large_logits_do_not_overflow():
    x = np.full((2, 40, 2), 1e3, dtype="float32")
    weights = np.random.default_rng(0).normal(size=(2, 3, 4, 40)).astype("float32")
    for result in value_and_gradients(dynamic_routing, x, weights)[:2]:
        assert all(np.isfinite(part).all() for part in result)


def test_an_empty_batch_has_no_outputs_and_gradients_of_zero():
    weights = np.ones((2, 3, 4, 40), dtype="float32")
    value, gradients, _ = value_and_gradients(
        dynamic_routing, np.zeros((0, 40, 2), dtype="float32"), weights
    )
    assert value.shape == (0, 3, 4)
    assert gradients[0].shape == (0, 40, 2)
    assert not gradients[1].any()
