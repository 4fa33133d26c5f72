import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from caps_hvd.ops.routing import dynamic_routing, native_routing
from caps_hvd.ops.routing.materialized_predictions import MaterializedPredictions
from tests.unit.backend import largest_tensor, value_and_gradients
from tests.unit.ops.routing import reference

# JAX compiles anew for every shape that hypothesis thinks of.
THOROUGHNESS = 10 if keras.backend.backend() == "tensorflow" else 2
SHAPES = st.tuples(*(st.integers(1, most) for most in (3, 9, 5, 4, 5)))  # b, i, d, j, o


@pytest.fixture(autouse=True)
def keras_form(monkeypatch):
    """The forms in `keras.ops`; those in C++ are compared with them in test_native_routing.py."""
    monkeypatch.setattr(native_routing, "native", lambda: None)


def operands(shape, seed=0):
    batch, inputs, in_dim, classes, out_dim = shape
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, inputs, in_dim)).astype("float32")
    weights = rng.normal(size=(in_dim, classes, out_dim, inputs)).astype("float32") * 0.5
    return x, weights


def shared_operands(positions, shape, seed=0):
    """Capsules at several positions and weights of one; `shape` has the types as i."""
    batch, types, in_dim, classes, out_dim = shape
    x, _ = operands((batch, positions * types, in_dim, classes, out_dim), seed)
    return x, operands(shape, seed)[1]


def check_against_reference(x, weights, iterations, compiled=False, **options):
    """Values, and the gradients along random directions, within float32's resolution.

    Weights that positions share are those of an unshared layer repeated at every position.
    """
    stop = options.get("stop_gradient", False)
    positions = x.shape[1] // weights.shape[-1]

    def routing(x, weights, **more):
        return reference.routing(x, np.tile(weights, positions), iterations, **more)

    value, gradients, weighting = value_and_gradients(
        lambda *operands: dynamic_routing(*operands, iterations=iterations, **options),
        x,
        weights,
        compiled=compiled,
    )
    expected, couplings = routing(x, weights)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=2e-5)

    held = couplings if stop else None
    rng = np.random.default_rng(1)
    for which, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)

        def scalar(point, which=which):
            at = [x, weights]
            at[which] = point
            return np.sum(routing(*at, couplings=held)[0] * weighting)

        slope = reference.directional_derivative(scalar, (x, weights)[which], direction)
        scale = np.abs(gradient.astype("float64") * direction).sum()
        assert abs(np.sum(gradient * direction) - slope) <= 2e-4 * scale + 1e-5


@settings(max_examples=6 * THOROUGHNESS, deadline=None)
@given(shape=SHAPES, iterations=st.integers(1, 10), seed=st.integers(0, 2**16))
def test_values_and_gradients_equal_the_papers_equations(shape, iterations, seed):
    check_against_reference(*operands(shape, seed), iterations)


@settings(max_examples=2 * THOROUGHNESS, deadline=None)
@given(shape=SHAPES, iterations=st.integers(1, 5), seed=st.integers(0, 2**16))
def test_blocks_of_one_image_give_the_same(shape, iterations, seed):
    check_against_reference(*operands(shape, seed), iterations, memory_mib=1e-6)


@settings(max_examples=2 * THOROUGHNESS, deadline=None)
@given(shape=SHAPES, iterations=st.integers(1, 5), seed=st.integers(0, 2**16))
def test_stopped_gradients_see_the_last_couplings_as_constants(shape, iterations, seed):
    check_against_reference(*operands(shape, seed), iterations, stop_gradient=True)


@settings(max_examples=4 * THOROUGHNESS, deadline=None)
@given(
    positions=st.integers(2, 5),
    shape=SHAPES,
    iterations=st.integers(1, 5),
    seed=st.integers(0, 2**16),
    options=st.sampled_from([{}, {"memory_mib": 1e-6}, {"stop_gradient": True}]),
)
def test_shared_weights_are_repeated_weights(positions, shape, iterations, seed, options):
    check_against_reference(*shared_operands(positions, shape, seed), iterations, **options)


@pytest.mark.parametrize("options", [{}, {"memory_mib": 0.004}])
def test_shared_weights_compiled_with_a_batch_that_is_unknown_while_tracing(options):
    check_against_reference(*shared_operands(3, (7, 2, 4, 3, 5)), 3, compiled=True, **options)


def test_sharing_equals_the_unshared_form_with_repeated_weights():
    x, weights = shared_operands(6, (3, 4, 5, 3, 7))
    shared, own = (
        value_and_gradients(lambda *at: dynamic_routing(*at, iterations=3), x, w)
        for w in (weights, np.tile(weights, 6))
    )
    np.testing.assert_allclose(shared[0], own[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shared[1][0], own[1][0], rtol=1e-4, atol=1e-5)
    over_positions = own[1][1].reshape(*weights.shape[:3], 6, 4).sum(axis=3)
    np.testing.assert_allclose(shared[1][1], over_positions, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 1, 4, 3, 5), (3, 6, 4, 1, 5), (1, 6, 1, 3, 1)])
def test_one_capsule_one_class_one_component(shape):
    check_against_reference(*operands(shape), 3)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("options", [{}, {"memory_mib": 0.004}, {"stop_gradient": True}])
def test_compiled_with_a_batch_that_is_unknown_while_tracing(batch, options):
    check_against_reference(*operands((batch, 6, 4, 3, 5)), 3, compiled=True, **options)


def test_predictions_may_be_held_for_more_images_than_is_fast(monkeypatch):
    monkeypatch.setattr(MaterializedPredictions, "most_images", 3)
    check_against_reference(*operands((3, 6, 4, 3, 5)), 3)


def test_half_precision_with_one_image_returns_float32():
    x, weights = operands((1, 20, 8, 5, 6))
    outputs = dynamic_routing(ops.cast(x, "bfloat16"), weights, 3)
    assert ops.dtype(outputs) == "float32"
    np.testing.assert_allclose(outputs, reference.routing(x, weights, 3)[0], atol=0.03)


def test_every_gradient_element_is_right():
    x, weights = operands((1, 2, 2, 2, 2))
    _, gradients, weighting = value_and_gradients(
        lambda *operands: dynamic_routing(*operands, iterations=3), x, weights
    )
    for which, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            direction = np.zeros(gradient.shape)
            direction[index] = 1.0

            def scalar(point, which=which):
                at = [x, weights]
                at[which] = point
                return np.sum(reference.routing(*at, 3)[0] * weighting)

            slope = reference.directional_derivative(scalar, (x, weights)[which], direction)
            assert gradient[index] == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_half_precision_stays_close_and_returns_float32():
    for x, weights in (operands((4, 20, 8, 5, 6)), shared_operands(5, (4, 4, 8, 5, 6))):
        repeated = np.tile(weights, x.shape[1] // weights.shape[-1])
        expected, _ = reference.routing(x, repeated, 3)
        for dtype in ("bfloat16", "float16"):
            outputs = dynamic_routing(ops.cast(x, dtype), weights, 3)
            assert ops.dtype(outputs) == "float32"
            np.testing.assert_allclose(ops.convert_to_numpy(outputs), expected, atol=0.03)


def test_no_tensor_is_larger_than_the_couplings():
    batch, inputs, _, classes, out_dim = shape = (24, 40, 4, 6, 5)
    x, weights = operands(shape)
    couplings = batch * inputs * classes
    assert max(weights.size, x.size) <= couplings < couplings * out_dim
    assert largest_tensor(lambda *at: dynamic_routing(*at, iterations=3), x, weights) == couplings


def test_with_shared_weights_no_tensor_is_larger_than_the_couplings():
    batch, types, _, classes, _ = shape = (24, 5, 4, 6, 5)
    couplings = batch * 8 * types * classes
    assert (
        largest_tensor(lambda *at: dynamic_routing(*at, 3), *shared_operands(8, shape)) == couplings
    )


def test_with_a_memory_limit_no_tensor_is_larger_than_the_operands():
    batch, inputs, _, classes, _ = shape = (64, 40, 2, 12, 3)
    x, weights = operands(shape)
    operand = max(weights.size, x.size)
    assert 5 * operand < batch * inputs * classes
    limited = largest_tensor(
        lambda *at: dynamic_routing(*at, iterations=3, memory_mib=0.05), x, weights
    )
    assert limited <= 1.1 * operand  # the last block is filled up


def test_large_logits_do_not_overflow():
    x, weights = operands((2, 300, 8, 3, 16))
    value, gradients, _ = value_and_gradients(
        lambda *at: dynamic_routing(*at, iterations=10), 50 * x, weights
    )
    assert np.isfinite(value).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_zero_capsules_have_zero_outputs_and_finite_gradients():
    x, weights = operands((2, 4, 3, 2, 5))
    value, gradients, _ = value_and_gradients(dynamic_routing, np.zeros_like(x), weights)
    assert not value.any()
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize(
    ("x", "weights", "iterations", "names"),
    [
        ((2, 4, 3), (3, 2, 5, 4), 0, "iterations"),
        ((2, 4, 3), (3, 2, 5, 6), 3, "in_capsules"),
        ((2, 4, 3), (4, 2, 5, 4), 3, "in_dim"),
        ((4, 3), (3, 2, 5, 4), 3, "capsules.shape"),
    ],
)
def test_wrong_arguments_are_named(x, weights, iterations, names):
    with pytest.raises(ValueError, match=names):
        dynamic_routing(np.zeros(x, "float32"), np.zeros(weights, "float32"), iterations)
