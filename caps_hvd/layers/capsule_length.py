"""A class's score: the length of its capsule."""

import keras
from keras import ops

from caps_hvd.ops.precision import at_least_float32


@keras.saving.register_keras_serializable(package="caps_hvd")
class CapsuleLength(keras.layers.Layer):
    """Returns the length of every capsule, `|v_j|`, the probability that its entity is there.

    Input shape: (batch, classes, capsule_dim).
    Output shape: (batch, classes), at least float32. A zero capsule has a zero gradient.
    """

    def call(self, capsules):
        square = ops.sum(ops.square(at_least_float32(capsules)), axis=-1)
        return ops.sqrt(ops.maximum(square, 1e-24))

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]
