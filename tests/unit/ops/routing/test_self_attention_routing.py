"""Self-attention routing against its equations, written as loops in float64."""

import numpy as np
import pytest
from keras import ops

from caps_hvd.ops import self_attention_routing
from tests.unit.backend import value_and_gradients
from tests.unit.ops.routing.reference import directional_derivative


def operands(batch, inputs, in_dim, classes, out_dim):
    rng = np.random.default_rng(0)
    shapes = (batch, inputs, in_dim), (classes, inputs, in_dim, out_dim), (classes, inputs)
    return [rng.normal(size=shape, scale=0.5).astype("float32") for shape in shapes]


def reference(x, weights, prior):
    """One loop per index, with the matrix of all agreements."""
    x, weights, prior = (np.asarray(each, "float64") for each in (x, weights, prior))
    classes, inputs, _, out_dim = weights.shape
    outputs = np.zeros((len(x), classes, out_dim))
    for image in range(len(x)):
        u = np.asarray(
            [[x[image, i] @ weights[k, i] for i in range(inputs)] for k in range(classes)]
        )
        agreement = np.asarray([(u[k] @ u[k].T).sum(axis=0) for k in range(classes)])
        exponentials = np.exp(agreement / np.sqrt(out_dim))
        couplings = exponentials / exponentials.sum(axis=0) + prior
        for k in range(classes):
            s = sum(couplings[k, i] * u[k, i] for i in range(inputs))
            length = np.linalg.norm(s)
            outputs[image, k] = (1 - np.exp(-length)) * s / length
    return outputs


@pytest.mark.parametrize("shape", [(2, 5, 3, 4, 6), (1, 1, 2, 1, 2), (3, 4, 2, 1, 3)])
def test_values_and_gradients_are_those_of_the_equations(shape):
    arrays = operands(*shape)
    value, gradients, weighting = value_and_gradients(self_attention_routing, *arrays)
    np.testing.assert_allclose(value, reference(*arrays), rtol=1e-4, atol=1e-5)
    for index, gradient in enumerate(gradients):
        direction = np.random.default_rng(index).normal(size=gradient.shape)

        def loss(changed, index=index):
            return np.sum(reference(*arrays[:index], changed, *arrays[index + 1 :]) * weighting)

        expected = directional_derivative(loss, arrays[index], direction)
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.filterwarnings("error")  # Keras warns of a softmax over one class
def test_of_one_class_all_couplings_are_1():
    x, weights, prior = operands(2, 3, 2, 1, 4)
    value = ops.convert_to_numpy(self_attention_routing(x, weights, 0 * prior))
    s = np.einsum("bni,nid->bd", x, weights[0])
    length = np.linalg.norm(s, axis=-1, keepdims=True)
    np.testing.assert_allclose(value[:, 0], (1 - np.exp(-length)) * s / length, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_for_the_predictions_alone(dtype):
    arrays = operands(2, 5, 3, 4, 6)
    half = [ops.cast(each, dtype) for each in arrays[:2]]
    value = self_attention_routing(*half, arrays[2])
    assert ops.dtype(value) == "float32"
    np.testing.assert_allclose(ops.convert_to_numpy(value), reference(*arrays), atol=0.02)
