import numpy as np
import pytest

from caps_hvd.ops.custom_gradient import custom_gradient
from tests.unit.backend import value_and_gradients


@pytest.mark.parametrize("compiled", [False, True])
def test_the_gradient_is_what_was_declared(compiled):
    """It is of the value that was returned, and each tensor gets its own."""

    @custom_gradient
    def product(left, right):
        return left * right, lambda upstream: (10.0 * upstream * right, -upstream * left)

    left, right = np.float32([[1, 2], [3, 4]]), np.float32([[5, 6], [7, 8]])
    value, gradients, weighting = value_and_gradients(product, left, right, compiled=compiled)
    np.testing.assert_array_equal(value, left * right)
    np.testing.assert_allclose(gradients[0], 10 * weighting * right, rtol=1e-6)
    np.testing.assert_allclose(gradients[1], -weighting * left, rtol=1e-6)


def test_one_tensor():
    @custom_gradient
    def identity(tensor):
        return 1.0 * tensor, lambda upstream: (3.0 * upstream,)

    value, (gradient,), weighting = value_and_gradients(identity, np.ones((2, 3), "float32"))
    np.testing.assert_array_equal(value, 1)
    np.testing.assert_allclose(gradient, 3 * weighting, rtol=1e-6)
