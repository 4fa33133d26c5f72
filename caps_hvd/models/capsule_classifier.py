"""The base class of capsule networks: class capsules, their lengths, and a decoder."""

import keras

from caps_hvd.errors import ConfigError
from caps_hvd.layers import CapsuleChoice, CapsuleLength, CapsuleMask
from caps_hvd.models.classifier import Classifier, image_and_label
from caps_hvd.models.losses import MarginLoss


@keras.saving.register_keras_serializable(package="caps_hvd")
class CapsuleClassifier(Classifier):
    """Scores an image by the lengths of its class capsules and reconstructs it from one of them.

    Args:
        encoder: model from images to class capsules of shape (batch, classes, capsule_dim).
        decoder: model to images from masked, flattened capsules, (batch, classes x capsule_dim),
            or from the one capsule that is left, (batch, capsule_dim); or None.
        preset: as in `Classifier`.

    Call arguments:
        inputs: images of shape (batch, height, width, channels) with values in [0, 1], or a dict
            with `"image"` and, as integers of shape (batch,), `"label"`.
        training: in training the decoder sees the capsule of the label where there is one, and
            otherwise the longest.

    Returns:
        Dict with `"scores"`, the lengths, of shape (batch, classes), and, if there is a decoder,
        `"reconstruction"`, of the images' shape. Both are float32.
    """

    parts = ("encoder", "decoder")
    scores_are_lengths = True

    def __init__(self, encoder, decoder=None, preset="paper", **kwargs):
        super().__init__(encoder, MarginLoss(), preset, decoder, **kwargs)
        # In half precision Keras would cast the capsules down on the way into these two.
        self.length = CapsuleLength(dtype="float32", name="length")
        one = decoder is not None and decoder.input_shape[-1] == encoder.output_shape[-1]
        self.mask = (CapsuleChoice if one else CapsuleMask)(dtype="float32", name="mask")

    def call(self, inputs, training=False):
        image, label = image_and_label(inputs)
        capsules = self.encoder(image, training=training)
        outputs = {"scores": self.score(capsules, training)}
        if self.decoder is not None:
            outputs["reconstruction"] = self.decode(capsules, label if training else None, training)
        return outputs

    @property
    def dimension_names(self):
        """What to call the components of a class capsule."""
        return [f"dimension {index + 1}" for index in range(self.encoder.output_shape[-1])]

    def score(self, capsules, training=False):
        """The lengths of class capsules: (batch, classes)."""
        return self.length(capsules)

    def encode(self, images):
        """Returns the class capsules of images: (batch, classes, capsule_dim)."""
        return self.encoder(images, training=False)

    def decode(self, capsules, labels=None, training=False):
        """Reconstructs images from class capsules, those of `labels` or else the longest.

        Args:
            capsules: tensor of shape (batch, classes, capsule_dim).
            labels: integer tensor of shape (batch,), or None.
            training: whether the decoder's layers run in training mode. Defaults to False.

        Returns:
            Tensor of shape (batch, height, width, channels), values in [0, 1].
        """
        kept = self.mask(capsules) if labels is None else self.mask(capsules, labels)
        return self.decoder(kept, training=training)


def dense_decoder(decoder, classes, capsule_dim, widths, image_shape):
    """A decoder of fully connected layers, ReLU between them and a sigmoid at the end.

    Args:
        decoder: "full", which sees all class capsules; "small", which sees one; or "none".
        classes: class capsules.
        capsule_dim: components of a class capsule.
        widths: units of each hidden layer.
        image_shape: (height, width, channels) of what comes out.

    Returns:
        A `keras.Sequential` from (batch, classes x capsule_dim) or (batch, capsule_dim) to (batch,
        height, width, channels); None for "none".

    Raises:
        ConfigError: the decoder is none of these.
    """
    inputs = {"full": classes * capsule_dim, "small": capsule_dim, "none": None}
    if decoder not in inputs:
        raise ConfigError(f"decoder: expected one of {', '.join(inputs)}; received {decoder!r}")
    if decoder == "none":
        return None
    height, width, channels = image_shape
    return keras.Sequential(
        [
            keras.Input((inputs[decoder],)),
            # Names of their own, so that those of the weights are the same in every process.
            *(
                keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")
                for index, units in enumerate(widths, start=1)
            ),
            keras.layers.Dense(height * width * channels, name="pixels"),
            keras.layers.Activation("sigmoid", dtype="float32"),
            keras.layers.Reshape(tuple(image_shape), dtype="float32"),
        ],
        name="decoder",
    )
