"""LeNet-5 of LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998)."""

import keras

from caps_hvd.config.model import LeNet5Options
from caps_hvd.errors import ConfigError
from caps_hvd.layers import Conv2D
from caps_hvd.models.convolutional_classifier import ConvolutionalClassifier
from caps_hvd.models.initialization import standardization

_KERNEL_SIZE, _POOL_SIZE = 5, 2  # in pixels
_INPUT_SIZE = 32  # of the paper; smaller images get a margin as there
_SMALLEST_IMAGE = _POOL_SIZE * (_KERNEL_SIZE + _POOL_SIZE - 1)  # one pixel is left of it


def lenet5(options: LeNet5Options, image_shape, classes):
    """Builds LeNet-5: two convolutions with average pooling, three dense layers, tanh between them.

    It is the network of figure 2 in the form that is usual today: each of the 16 feature maps sees
    all 6 before it, pooling has no weights, and a softmax stands for the distances to drawings of
    the digits. The paper's input of 32 x 32 is its images of 28 x 28 with a margin of 2 pixels,
    which is what "same" padding gives them here; images of 32 x 32 and more get none.

    Args:
        options: whether images are standardised.
        image_shape: (height, width, channels) of an image, at least 12 x 12 pixels.
        classes: how many classes there are, 1 or more.

    Returns:
        A `ConvolutionalClassifier` (61,706 trained parameters at 28x28x1 and 10 classes).

    Raises:
        ConfigError: if the images are too small or there are no classes.

    Example:
        >>> lenet5(LeNet5Options(initialization="published"), (28, 28, 1), 10).count_params()
        61706
    """
    height, width, _ = image_shape
    if classes < 1:
        raise ConfigError(f"classes: expected 1 or more; received {classes}")
    if min(height, width) < _SMALLEST_IMAGE:
        raise ConfigError(
            f"model lenet5 expects images of at least {_SMALLEST_IMAGE} x {_SMALLEST_IMAGE} "
            f"pixels; received {height} x {width}; choose larger images or another model"
        )
    padding = "same" if min(height, width) < _INPUT_SIZE else "valid"
    layers = keras.layers
    encoder = keras.Sequential(
        [
            keras.Input(tuple(image_shape)),
            *standardization(options.initialization),
            Conv2D(6, _KERNEL_SIZE, padding=padding, activation="tanh", name="c1"),
            layers.AveragePooling2D(_POOL_SIZE, name="s2"),
            Conv2D(16, _KERNEL_SIZE, activation="tanh", name="c3"),
            layers.AveragePooling2D(_POOL_SIZE, name="s4"),
            layers.Flatten(name="flatten"),
            layers.Dense(120, activation="tanh", name="c5"),
            layers.Dense(84, activation="tanh", name="f6"),
            layers.Dense(classes, name="logits"),
        ],
        name="encoder",
    )
    return ConvolutionalClassifier(encoder, name="lenet5")
