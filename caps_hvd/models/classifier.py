"""The base class of all models: a classifier, with the loss and the metrics it is trained with."""

import keras
from keras import ops

from caps_hvd.config.network import NetworkOptions
from caps_hvd.models.losses import ReconstructionLoss


class Classifier(keras.Model):
    """A model that scores an image for every class; its subclasses say how.

    It is called with images of shape (batch, height, width, channels) with values in [0, 1], or
    with a dict with `"image"` and, as integers of shape (batch,), `"label"`. It returns a dict with
    `"scores"` of shape (batch, classes), the highest for the class that the image is taken for,
    and, if there is a decoder, `"reconstruction"`, of the images' shape. Both are float32.

    Subclasses add `call`.

    Args:
        encoder: model from images to what the scores are made of; its axis 1 counts the classes.
        score_loss: Keras loss from labels, integers of shape (batch,), and scores.
        preset: name of the sizes that this network was built with, for the record of a run.
            Default "paper".
        decoder: model to the images' reconstructions, or None. Default None.
    """

    parts = ("encoder",)  # the models that it consists of, which make it again
    scores_are_lengths = False  # of class capsules, and not probabilities

    def __init__(self, encoder, score_loss, preset="paper", decoder=None, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        # No attribute of the class: under PyTorch that would hide a layer of the same name.
        self.decoder = decoder
        self.score_loss = score_loss
        self.preset = preset
        self.built = True  # all parts were built from their inputs

    @property
    def image_shape(self):
        return tuple(self.encoder.input_shape[1:])

    @property
    def classes(self):
        return self.encoder.output_shape[1]

    def compute_output_shape(self, input_shape):
        image = input_shape["image"] if isinstance(input_shape, dict) else input_shape
        shapes = {"scores": (image[0], self.classes)}
        if self.decoder is not None:
            shapes["reconstruction"] = tuple(image)
        return shapes

    def loss_terms(self, reconstruction_weight=NetworkOptions.reconstruction_weight):
        """Returns the terms of the trained loss, which is their weighted sum.

        Args:
            reconstruction_weight: weight of the squared error summed over the pixels, against the
                loss of the scores. Defaults to that of the configuration, as in the paper.

        Returns:
            Dict from the name of an output to its Keras loss and its weight.
        """
        terms = {"scores": (self.score_loss, 1.0)}
        if self.decoder is not None:
            height, width, channels = self.image_shape
            weight = reconstruction_weight * height * width * channels
            terms["reconstruction"] = (ReconstructionLoss(), weight)
        return terms

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        parts = {part: serialize(getattr(self, part)) for part in self.parts}
        return {"name": self.name, **parts, "preset": self.preset}

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(**(config | {part: deserialize(config[part]) for part in cls.parts}))


def image_and_label(inputs):
    """The images of a `Classifier`'s inputs, and their labels or None."""
    if isinstance(inputs, dict):
        return inputs["image"], inputs.get("label")
    return inputs, None


def compile_arguments(model, reconstruction_weight=NetworkOptions.reconstruction_weight):
    """Returns losses, their weights and metrics for `model.compile`.

    Args:
        model: a `Classifier`.
        reconstruction_weight: as of `Classifier.loss_terms`.

    Returns:
        Dict with `loss`, `loss_weights` and `weighted_metrics`.
    """
    terms = model.loss_terms(reconstruction_weight)
    return {
        "loss": {output: loss for output, (loss, _) in terms.items()},
        "loss_weights": {output: weight for output, (_, weight) in terms.items()},
        "weighted_metrics": {"scores": [SampleAccuracy()]},
    }


@keras.saving.register_keras_serializable(package="caps_hvd")
class SampleAccuracy(keras.metrics.Mean):
    """Share of images whose highest score is that of their label.

    A sample weight above zero counts as one image: the weights that even out the short last batch
    of an epoch over the ranks must not enter an accuracy.
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, -1), "int32"))
        if sample_weight is not None:
            sample_weight = ops.cast(ops.convert_to_tensor(sample_weight) > 0, "float32")
        return super().update_state(ops.cast(hits, "float32"), sample_weight)
