"""Selection of the capsule that the decoder sees: alone, or among zeroed others."""

import keras
from keras import ops

from caps_hvd.ops.precision import at_least_float32


@keras.saving.register_keras_serializable(package="caps_hvd")
class CapsuleMask(keras.layers.Layer):
    """Zeroes all capsules but one and flattens: that of the label, or else the longest.

    Section 4.1 of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017).

    Call arguments:
        capsules: tensor of shape (batch, classes, capsule_dim).
        labels: integer tensor of shape (batch,), the capsules to keep. Defaults to None: the
            longest of each image.

    Output shape: (batch, classes x capsule_dim).
    """

    def call(self, capsules, labels=None):
        _, classes, capsule_dim = capsules.shape
        return ops.reshape(_all_but_one_zeroed(capsules, labels), (-1, classes * capsule_dim))

    def build(self, capsules_shape, labels_shape=None):
        pass  # `summary` gives `compute_output_shape` the names of these arguments

    def compute_output_shape(self, capsules_shape, labels_shape=None):
        batch, classes, capsule_dim = capsules_shape
        return (batch, classes * capsule_dim)


@keras.saving.register_keras_serializable(package="caps_hvd")
class CapsuleChoice(keras.layers.Layer):
    """Takes one capsule out of all: that of the label, or else the longest.

    What the small decoder sees in Marchisio et al., "FasTrCaps: An Integrated Framework for Fast
    yet Accurate Training of Capsule Networks" (2020).

    Call arguments:
        capsules: tensor of shape (batch, classes, capsule_dim).
        labels: integer tensor of shape (batch,), the capsules to take. Defaults to None: the
            longest of each image.

    Output shape: (batch, capsule_dim).
    """

    def call(self, capsules, labels=None):
        return ops.sum(_all_but_one_zeroed(capsules, labels), axis=1)

    def build(self, capsules_shape, labels_shape=None):
        pass  # `summary` gives `compute_output_shape` the names of these arguments

    def compute_output_shape(self, capsules_shape, labels_shape=None):
        batch, _, capsule_dim = capsules_shape
        return (batch, capsule_dim)


def _all_but_one_zeroed(capsules, labels):
    if labels is None:
        squares = ops.sum(ops.square(at_least_float32(capsules)), axis=-1)
        # Not `ops.argmax`, which on TensorFlow looks at the bits of zeros: ONNX cannot say that.
        labels = ops.squeeze(ops.top_k(squares, 1)[1], axis=-1)
    mask = ops.one_hot(labels, capsules.shape[1], dtype=capsules.dtype)
    return capsules * ops.expand_dims(mask, -1)
