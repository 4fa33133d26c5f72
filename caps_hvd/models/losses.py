"""Losses of capsule networks, per image."""

import keras
from keras import ops

from caps_hvd.ops.precision import at_least_float32


def margin_loss(labels, lengths, positive=0.9, negative=0.1, down_weight=0.5):
    """The loss of lengths of class capsules: the labelled one is to be long, all others short.

    `L = sum_k T_k max(0, m+ - |v_k|)^2 + lambda (1 - T_k) max(0, |v_k| - m-)^2`

    Equation 4 of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017).

    Args:
        labels: integer tensor of shape (batch,).
        lengths: tensor of shape (batch, classes), the lengths `|v_k|`.
        positive: `m+`, the length from which on a present class costs nothing. Defaults to 0.9.
        negative: `m-`, the length up to which an absent class costs nothing. Defaults to 0.1.
        down_weight: `lambda`, the weight of absent classes. Defaults to 0.5.

    Returns:
        Tensor of shape (batch,).
    """
    lengths = at_least_float32(lengths)
    present = ops.one_hot(ops.cast(labels, "int32"), lengths.shape[-1], dtype=lengths.dtype)
    too_short = ops.square(ops.relu(positive - lengths))
    too_long = ops.square(ops.relu(lengths - negative))
    return ops.sum(present * too_short + down_weight * (1.0 - present) * too_long, axis=-1)


def reconstruction_loss(images, reconstructions):
    """Mean squared error over the pixels and channels of each image.

    Args:
        images: tensor of shape (batch, height, width, channels), values in [0, 1].
        reconstructions: tensor of the same shape.

    Returns:
        Tensor of shape (batch,).
    """
    error = at_least_float32(reconstructions) - at_least_float32(images)
    return ops.mean(ops.square(error), axis=(1, 2, 3))


@keras.saving.register_keras_serializable(package="caps_hvd")
class MarginLoss(keras.losses.Loss):
    """`margin_loss` as a Keras loss; `y_true` holds integer labels of shape (batch,).

    Args:
        positive, negative, down_weight: see `margin_loss`.
        name, **kwargs: as in every Keras loss.
    """

    def __init__(self, positive=0.9, negative=0.1, down_weight=0.5, name="margin_loss", **kwargs):
        super().__init__(name=name, dtype="float32", **kwargs)
        self.positive = positive
        self.negative = negative
        self.down_weight = down_weight

    def call(self, y_true, y_pred):
        return margin_loss(y_true, y_pred, self.positive, self.negative, self.down_weight)

    def get_config(self):
        return super().get_config() | {
            "positive": self.positive,
            "negative": self.negative,
            "down_weight": self.down_weight,
        }


@keras.saving.register_keras_serializable(package="caps_hvd")
class ReconstructionLoss(keras.losses.Loss):
    """`reconstruction_loss` as a Keras loss.

    Args:
        name, **kwargs: as in every Keras loss.
    """

    def __init__(self, name="reconstruction_loss", **kwargs):
        super().__init__(name=name, dtype="float32", **kwargs)

    def call(self, y_true, y_pred):
        return reconstruction_loss(y_true, y_pred)
