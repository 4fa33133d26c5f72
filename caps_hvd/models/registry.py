"""Models by name, their precision, and what to compile them with."""

import keras

from caps_hvd.errors import ConfigError
from caps_hvd.losses import MarginLoss, ReconstructionLoss
from caps_hvd.models.capsnet import capsnet
from caps_hvd.models.capsule_classifier import SampleAccuracy

_BUILDERS = {"capsnet": capsnet}

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def names():
    """Returns the names that `build` knows."""
    return sorted(_BUILDERS)


def build(name, image_shape, classes, **options):
    """Builds a model by name under the current precision.

    Args:
        name: one of `names()`.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        **options: arguments of the builder, for instance those of `capsnet`.

    Returns:
        A `CapsuleClassifier`, not compiled.

    Raises:
        ConfigError: if the name is unknown or an option is out of range.
    """
    if name not in _BUILDERS:
        raise ConfigError(f"model: expected one of {', '.join(names())}; received {name!r}")
    return _BUILDERS[name](image_shape, classes, **options)


def set_precision(precision):
    """Sets what the models built from now on compute in.

    Args:
        precision: "float32"; or "bfloat16" or "float16": convolutions and matrix products in that
            type, and weights, softmax, squash and losses in float32. "float16" needs loss scaling.

    Raises:
        ConfigError: if the precision is unknown.
    """
    if precision not in _POLICIES:
        raise ConfigError(
            f"precision: expected one of {', '.join(_POLICIES)}; received {precision!r}"
        )
    keras.config.set_dtype_policy(_POLICIES[precision])


def compile_arguments(model, reconstruction_weight=0.0005):
    """Returns losses, their weights and metrics for `model.compile`.

    Args:
        model: a model from `build`.
        reconstruction_weight: weight of the squared error summed over the pixels, against the
            margin loss. Defaults to 0.0005, as in the paper.

    Returns:
        Dict with `loss`, `loss_weights` and `weighted_metrics`.
    """
    loss, loss_weights = {"scores": MarginLoss()}, {"scores": 1.0}
    if model.decoder is not None:
        height, width, channels = model.image_shape
        loss["reconstruction"] = ReconstructionLoss()
        loss_weights["reconstruction"] = reconstruction_weight * height * width * channels
    return {
        "loss": loss,
        "loss_weights": loss_weights,
        "weighted_metrics": {"scores": [SampleAccuracy()]},
    }
