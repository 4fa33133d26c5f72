"""What all capsule networks here share: class capsules, their lengths, and a decoder."""

import keras
from keras import ops

from caps_hvd.errors import ConfigError
from caps_hvd.layers import CapsuleChoice, CapsuleLength, CapsuleMask


@keras.saving.register_keras_serializable(package="caps_hvd")
class CapsuleClassifier(keras.Model):
    """Scores an image by the lengths of its class capsules and reconstructs it from one of them.

    Args:
        encoder: model from images to class capsules of shape (batch, classes, capsule_dim).
        decoder: model to images from masked, flattened capsules, (batch, classes x capsule_dim),
            or from the one capsule that is left, (batch, capsule_dim); or None.
        preset: name of the preset that this network was built from; it is kept for records.

    Call arguments:
        inputs: images of shape (batch, height, width, channels) with values in [0, 1], or a dict
            with `"image"` and, as integers of shape (batch,), `"label"`.
        training: in training the decoder sees the capsule of the label where there is one, and
            otherwise the longest.

    Returns:
        Dict with `"scores"`, the lengths, of shape (batch, classes), and, if there is a decoder,
        `"reconstruction"`, of the images' shape. Both are float32.
    """

    def __init__(self, encoder, decoder=None, preset=None, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.preset = preset
        # In half precision Keras would cast the capsules down on the way into these two.
        self.length = CapsuleLength(dtype="float32", name="length")
        one = decoder is not None and decoder.input_shape[-1] == encoder.output_shape[-1]
        self.mask = (CapsuleChoice if one else CapsuleMask)(dtype="float32", name="mask")
        self.built = True  # encoder and decoder were built from their inputs

    @property
    def image_shape(self):
        return tuple(self.encoder.input_shape[1:])

    @property
    def classes(self):
        return self.encoder.output_shape[1]

    def call(self, inputs, training=False):
        image, label = (
            (inputs["image"], inputs.get("label")) if isinstance(inputs, dict) else (inputs, None)
        )
        capsules = self.encoder(image, training=training)
        outputs = {"scores": self.length(capsules)}
        if self.decoder is not None:
            outputs["reconstruction"] = self.decode(capsules, label if training else None, training)
        return outputs

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

    def compute_output_shape(self, input_shape):
        image = input_shape["image"] if isinstance(input_shape, dict) else input_shape
        shapes = {"scores": (image[0], self.classes)}
        if self.decoder is not None:
            shapes["reconstruction"] = tuple(image)
        return shapes

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "encoder": serialize(self.encoder),
            "decoder": None if self.decoder is None else serialize(self.decoder),
            "preset": self.preset,
        }

    @classmethod
    def from_config(cls, config):
        parts = {
            key: config[key] and keras.saving.deserialize_keras_object(config[key])
            for key in ("encoder", "decoder")
        }
        return cls(**(config | parts))


def decoder_inputs(decoder, classes, capsule_dim):
    """How many numbers a decoder sees.

    Args:
        decoder: "full", "small" or "none".
        classes: class capsules.
        capsule_dim: components of a class capsule.

    Returns:
        classes x capsule_dim, capsule_dim, or None.

    Raises:
        ConfigError: the decoder is none of these.
    """
    inputs = {"full": classes * capsule_dim, "small": capsule_dim, "none": None}
    if decoder not in inputs:
        raise ConfigError(f"decoder: expected one of {', '.join(inputs)}; received {decoder!r}")
    return inputs[decoder]


def dense_decoder(inputs, widths, image_shape):
    """A decoder of fully connected layers, ReLU between them and a sigmoid at the end.

    Args:
        inputs: how many numbers come in, from `decoder_inputs`.
        widths: units of each hidden layer.
        image_shape: (height, width, channels) of what comes out.

    Returns:
        A `keras.Sequential` from (batch, inputs) to (batch, height, width, channels).
    """
    height, width, channels = image_shape
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            *(keras.layers.Dense(units, activation="relu") for units in widths),
            keras.layers.Dense(height * width * channels),
            keras.layers.Activation("sigmoid", dtype="float32"),
            keras.layers.Reshape(tuple(image_shape), dtype="float32"),
        ],
        name="decoder",
    )


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
