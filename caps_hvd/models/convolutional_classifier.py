"""The base class of convolutional networks: a probability for every class."""

import keras

from caps_hvd.models.classifier import Classifier, image_and_label


@keras.saving.register_keras_serializable(package="caps_hvd")
class ConvolutionalClassifier(Classifier):
    """Scores an image by the probabilities of the classes, trained with their cross-entropy.

    Args:
        encoder: model from images to logits of shape (batch, classes).
        preset: as in `Classifier`.

    Call arguments:
        inputs: images of shape (batch, height, width, channels) with values in [0, 1], or a dict
            with `"image"`; a label that comes with it is not used.

    Returns:
        Dict with `"scores"`, the probabilities, float32 of shape (batch, classes).
    """

    def __init__(self, encoder, preset="paper", **kwargs):
        super().__init__(encoder, keras.losses.SparseCategoricalCrossentropy(), preset, **kwargs)
        self.softmax = keras.layers.Activation("softmax", dtype="float32", name="softmax")

    def call(self, inputs, training=False):
        image, _ = image_and_label(inputs)
        return {"scores": self.softmax(self.encoder(image, training=training))}
