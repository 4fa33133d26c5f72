"""Hand-written gradients, declared in the same way on every Keras backend."""

from keras import ops


def custom_gradient(function):
    """`keras.ops.custom_gradient`, whose convention for the gradient differs between backends.

    Args:
        function: takes tensors only, and returns a tensor and its gradient: a function from what
            comes in from above, of the tensor's shape, to a tuple with one gradient for each of
            the tensors.

    Returns:
        The function from the tensors to the tensor alone.
    """

    @ops.custom_gradient
    def differentiable(*tensors):
        value, gradient = function(*tensors)

        # TensorFlow and JAX hand over what comes from above alone; PyTorch hands it over by name,
        # behind the tensors.
        def backward(*arguments, upstream=None):
            return gradient(arguments[0] if upstream is None else upstream)

        return value, backward

    return differentiable
