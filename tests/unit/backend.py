"""Values, gradients and traces on whichever backend Keras runs on."""

import keras
import numpy as np
from keras import ops


def value_and_gradients(function, *arrays, compiled=False):
    """Returns `function`'s value and the gradients of `sum(value * weights)` of a fixed weighting.

    The weighting makes one scalar of the value; it is returned too, so that a reference can use it.
    """
    shape = np.shape(ops.convert_to_numpy(function(*map(ops.convert_to_tensor, arrays))))
    weighting = np.random.default_rng(7).normal(size=shape).astype("float32")
    run = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    value, gradients = run(function, weighting, arrays, compiled)
    return np.asarray(value), [np.asarray(gradient) for gradient in gradients], weighting


def _tensorflow(function, weighting, arrays, compiled):
    import tensorflow as tf

    def step(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
            scalar = tf.reduce_sum(tf.cast(value, "float32") * weighting)
        gradients = tape.gradient(scalar, tensors)
        return tf.cast(value, "float32"), [tf.cast(gradient, "float32") for gradient in gradients]

    tensors = [tf.convert_to_tensor(array) for array in arrays]
    if compiled:
        # The batch is unknown while tracing, as in Keras' own training step.
        signature = [tf.TensorSpec([None, *tensors[0].shape[1:]], tensors[0].dtype)]
        signature += [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors[1:]]
        step = tf.function(step, input_signature=signature)
    return step(*tensors)


def _jax(function, weighting, arrays, compiled):
    import jax
    import jax.numpy as jnp

    def scalar(*tensors):
        value = function(*tensors)
        return jnp.sum(value.astype("float32") * weighting), value

    step = jax.value_and_grad(scalar, argnums=tuple(range(len(arrays))), has_aux=True)
    (_, value), gradients = (jax.jit(step) if compiled else step)(*map(jnp.asarray, arrays))
    return value.astype("float32"), [gradient.astype("float32") for gradient in gradients]


def _torch(function, weighting, arrays, compiled):
    import torch

    del compiled  # models run step by step on this backend
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    value = function(*tensors).float()
    torch.sum(value * torch.as_tensor(weighting)).backward()
    return value.detach().numpy(), [tensor.grad.float().numpy() for tensor in tensors]


def largest_tensor(function, *arrays):
    """Counts the elements of the largest tensor in the traced forward and backward pass."""
    if keras.backend.backend() == "torch":
        return _largest_torch_tensor(function, arrays)
    if keras.backend.backend() == "jax":
        import jax

        def scalar(*tensors):
            return ops.sum(function(*tensors))

        traced = jax.make_jaxpr(jax.grad(scalar, argnums=tuple(range(len(arrays)))))(*arrays)
        return max(_jaxpr_sizes(traced.jaxpr))

    import tensorflow as tf

    @tf.function
    def step(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            scalar = tf.reduce_sum(function(*tensors))
        return tape.gradient(scalar, tensors)

    return max(_graph_sizes(step.get_concrete_function(*map(tf.convert_to_tensor, arrays)).graph))


def _largest_torch_tensor(function, arrays):
    """Nothing is traced: what every operation gives while both passes run is looked at."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            given = operation(*args, **kwargs or {})
            found = [leaf for leaf in keras.tree.flatten(given) if torch.is_tensor(leaf)]
            sizes.extend(leaf.untyped_storage().nbytes() // leaf.itemsize for leaf in found)
            return given

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    with Sizes():
        ops.sum(function(*tensors)).backward()
    return max(sizes)


def _jaxpr_sizes(jaxpr):
    from jax.extend.core import jaxprs_in_params

    for equation in jaxpr.eqns:
        yield from (int(np.prod(variable.aval.shape)) for variable in equation.outvars)
        for inner in jaxprs_in_params(equation.params):
            yield from _jaxpr_sizes(inner)


def _graph_sizes(graph):
    for operation in graph.get_operations():
        for output in operation.outputs:
            if output.shape.is_fully_defined():
                yield output.shape.num_elements()
    for name in graph.as_graph_def().library.function:
        yield from _graph_sizes(graph._get_function(name.signature.name).graph)
