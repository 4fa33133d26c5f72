"""A classifier of anyone's Keras model that has one output for each class."""

import keras
from keras import ops

from caps_hvd.errors import ConfigError
from caps_hvd.models.classifier import Classifier, image_and_label


@keras.saving.register_keras_serializable(package="caps_hvd")
class OneAgainstRest(keras.losses.Loss):
    """The binary cross-entropy of every class by itself, summed, for integer labels.

    `L = -log p_y - sum_{k != y} log(1 - p_k)`

    Args:
        name, **kwargs: as in every Keras loss.
    """

    def __init__(self, name="one_against_rest", **kwargs):
        super().__init__(name=name, dtype="float32", **kwargs)

    def call(self, y_true, y_pred):
        present = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        return ops.sum(ops.binary_crossentropy(present, y_pred), axis=-1)


_LOSSES = {
    "logits": keras.losses.SparseCategoricalCrossentropy,
    "softmax": keras.losses.SparseCategoricalCrossentropy,
    "sigmoid": OneAgainstRest,
}


@keras.saving.register_keras_serializable(package="caps_hvd")
class KerasClassifier(Classifier):
    """Scores an image by the outputs of a Keras model, trained with what these outputs mean.

    Args:
        encoder: model from images to outputs of shape (batch, classes).
        outputs: what they are. "logits": any numbers; a softmax makes the scores of them, which are
            trained with their cross-entropy. "softmax": probabilities that add up to 1, trained
            likewise. "sigmoid": a probability for each class by itself, trained with
            `OneAgainstRest`.
        preset: as in `Classifier`. Default "own".

    Call arguments:
        inputs: images of shape (batch, height, width, channels) with values in [0, 1], or a dict
            with `"image"`; a label that comes with it is not used.

    Returns:
        Dict with `"scores"`, float32 of shape (batch, classes).

    Raises:
        ConfigError: `outputs` is none of the three.
    """

    def __init__(self, encoder, outputs="logits", preset="own", **kwargs):
        if outputs not in _LOSSES:
            raise ConfigError(
                f"outputs: expected one of {', '.join(_LOSSES)}; received {outputs!r}"
            )
        super().__init__(encoder, _LOSSES[outputs](), preset, **kwargs)
        self.outputs_are = outputs
        kind = "softmax" if outputs == "logits" else "linear"
        self.scoring = keras.layers.Activation(kind, dtype="float32", name="scoring")

    def call(self, inputs, training=False):
        image, _ = image_and_label(inputs)
        return {"scores": self.scoring(self.encoder(image, training=training))}

    def get_config(self):
        return super().get_config() | {"outputs": self.outputs_are}
