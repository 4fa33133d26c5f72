"""Models by name, their precision, and what to compile them with."""

import inspect

import keras

from caps_hvd.errors import ConfigError
from caps_hvd.models.capsnet import capsnet
from caps_hvd.models.classifier import SampleAccuracy
from caps_hvd.models.lenet5 import lenet5
from caps_hvd.models.losses import ReconstructionLoss
from caps_hvd.models.mlcn import mlcn

_BUILDERS = {"capsnet": capsnet, "lenet5": lenet5, "mlcn": mlcn}

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def names():
    """Returns the names that `build` knows."""
    return sorted(_BUILDERS)


def options(name=None):
    """What else than images and classes a model is built from.

    Args:
        name: one of `names()`, or None for the options of all models.

    Returns:
        Dict from the names of the options to their defaults. Arguments that a builder takes by
        name only are none: they are the program's, not the user's.
    """
    if name is None:
        return {option: default for each in names() for option, default in options(each).items()}
    parameters = inspect.signature(_BUILDERS[name]).parameters.values()
    return {
        each.name: each.default
        for each in parameters
        if each.default is not each.empty and each.kind is not each.KEYWORD_ONLY
    }


def build(name, image_shape, classes, **values):
    """Builds a model by name under the current precision.

    Args:
        name: one of `names()`.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        **values: of some of `options()`. One that the model does not take must be at its default,
            so that one description fits all models. And what its builder takes by name only.

    Returns:
        A `Classifier`, not compiled.

    Raises:
        ConfigError: if the name is unknown, an option is out of range, or it is not at its default
            and the model does not take it.

    Example:
        >>> build("capsnet", (28, 28, 1), 10, preset="slim").count_params()
        792336
    """
    if name not in _BUILDERS:
        raise ConfigError(f"model: expected one of {', '.join(names())}; received {name!r}")
    defaults = options()
    foreign = defaults.keys() - options(name).keys()
    for option, value in values.items():
        if option in foreign and value != defaults[option]:
            others = [each for each in names() if option in options(each)]
            raise ConfigError(
                f"{option}: expected {defaults[option]!r}, since model {name} does not have this "
                f"option; received {value!r}; remove it, or choose a model that has it: "
                f"{', '.join(others)}"
            )
    own = {option: value for option, value in values.items() if option not in foreign}
    return _BUILDERS[name](image_shape, classes, **own)


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
            loss of the scores. Defaults to 0.0005, as in the paper.

    Returns:
        Dict with `loss`, `loss_weights` and `weighted_metrics`.
    """
    loss, loss_weights = {"scores": model.score_loss}, {"scores": 1.0}
    if model.decoder is not None:
        height, width, channels = model.image_shape
        loss["reconstruction"] = ReconstructionLoss()
        loss_weights["reconstruction"] = reconstruction_weight * height * width * channels
    return {
        "loss": loss,
        "loss_weights": loss_weights,
        "weighted_metrics": {"scores": [SampleAccuracy()]},
    }
