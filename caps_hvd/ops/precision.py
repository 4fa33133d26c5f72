"""Casts to float32 of what does not fit into half precision."""

import functools
import operator

import keras
from keras import ops


def at_least_float32(tensor):
    """Casts half precision up to float32 and leaves float32 and float64 alone."""
    tensor = ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(tensor.dtype) in ("float32", "float64"):
        return tensor
    return ops.cast(tensor, "float32")


def sum_at_least_float32(terms):
    """Adds tensors up, half precision in float32."""
    return functools.reduce(operator.add, map(at_least_float32, terms))
