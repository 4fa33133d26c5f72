"""Models by the class of their options, and their precision."""

import keras

from caps_hvd.config.model import (
    AlexCapsNetOptions,
    CapsNetOptions,
    EfficientCapsNetOptions,
    LeNet5Options,
    MlcnOptions,
    OwnModelOptions,
    ResCapsNetOptions,
)
from caps_hvd.errors import ConfigError
from caps_hvd.models.alexcapsnet import alexcapsnet
from caps_hvd.models.capsnet import capsnet
from caps_hvd.models.efficient_capsnet import efficient_capsnet
from caps_hvd.models.lenet5 import lenet5
from caps_hvd.models.mlcn import mlcn
from caps_hvd.models.own_model import own_model
from caps_hvd.models.rescapsnet import rescapsnet

_BUILDERS = {
    CapsNetOptions: capsnet,
    AlexCapsNetOptions: alexcapsnet,
    ResCapsNetOptions: rescapsnet,
    EfficientCapsNetOptions: efficient_capsnet,
    LeNet5Options: lenet5,
    MlcnOptions: mlcn,
    OwnModelOptions: own_model,
}

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def build(options, image_shape, classes, **arguments):
    """Builds a model under the current precision.

    Args:
        options: of one of the classes in `caps_hvd.config.model`, such as a `CapsNetOptions`, which
            says which model; of a configuration they are `config.model_options()`.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        **arguments: what the model's function takes by name, which the program sets and not a
            user, such as the lanes of this rank.

    Returns:
        A `Classifier`, not compiled.

    Raises:
        ConfigError: if an option is out of range or the images are too small.

    Example:
        >>> options = CapsNetOptions(preset="slim", initialization="published")
        >>> build(options, (28, 28, 1), 10).count_params()
        792336
    """
    return _BUILDERS[type(options)](options, image_shape, classes, **arguments)


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
