"""What stays in float32 when matrix products run in half precision."""

import keras
from keras import ops


def at_least_float32(tensor):
    """Casts half precision up to float32 and leaves float32 and float64 alone."""
    tensor = ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(tensor.dtype) in ("float32", "float64"):
        return tensor
    return ops.cast(tensor, "float32")
