"""ResCapsNet: residual blocks, and routed class capsules behind them."""

import keras

from caps_hvd.config.model import ResCapsNetOptions
from caps_hvd.layers import Conv2D, PrimaryCapsules
from caps_hvd.models.capsule_classifier import CapsuleClassifier, dense_decoder
from caps_hvd.models.class_capsules import routed_class_capsules
from caps_hvd.models.initialization import standardization
from caps_hvd.models.normalization import batch_normalization
from caps_hvd.models.resizing import resized

_PIXELS = 78  # height and width that images are brought to
_FIRST_FILTERS, _FIRST_KERNEL_SIZE = 32, 7
_POOL_SIZE = 3  # 78 -> 26 pixels
_BLOCK_FILTERS = (32, 64, 64)
_TYPES, _PRIMARY_DIM, _CAPSULE_DIM = 16, 8, 16
_DECODER_WIDTHS = (512, 1024)


def rescapsnet(options: ResCapsNetOptions, image_shape, classes):
    """Builds a ResCapsNet: a convolution, three residual blocks, primary capsules, class capsules.

    From "Comparative Analysis of AlexCapsNet and ResCapsNet on Singular and Distributed Computing"
    are images of 78 x 78 pixels, a first convolution to 32 channels, three residual blocks (He et
    al., "Deep Residual Learning for Image Recognition", 2015), 1,296 primary capsules of 8
    components, 16D class capsules, three routing iterations, and that there is no decoder. Ours is
    what it does not give: a first kernel of 7 x 7 pixels and max pooling, as ResNet begins, here
    over 3 x 3 pixels; blocks of 32, 64 and 64 filters, of two 3 x 3 convolutions with batch
    normalization each; a 9 x 9 convolution with stride 2 from their 26 x 26 pixels to 16 types of
    primary capsules at 9 x 9 positions; and the decoder that can be asked for, which is CapsNet's,
    and draws images of the size that came in. Images are brought to 78 x 78 pixels inside of the
    network.

    Args:
        options: routing, initialization and decoder.
        image_shape: (height, width, channels) of an image, of any size.
        classes: how many classes there are, 1 or more.

    Returns:
        A `CapsuleClassifier` (2,474,432 trained parameters at 10 classes and one channel).

    Raises:
        ConfigError: an option is out of range or there are no classes.

    Example:
        >>> options = ResCapsNetOptions(initialization="published")
        >>> rescapsnet(options, (28, 28, 1), 10).count_params()  # 768 of them are averages
        2475200
    """
    class_capsules = routed_class_capsules(options, classes, _CAPSULE_DIM, _TYPES)
    images = keras.Input(tuple(image_shape))
    values = images
    for layer in [
        *standardization(options.initialization),
        *resized(image_shape, _PIXELS),
        Conv2D(
            _FIRST_FILTERS,
            _FIRST_KERNEL_SIZE,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name="convolution",
        ),
        keras.layers.MaxPooling2D(_POOL_SIZE, name="pooling"),
    ]:
        values = layer(values)
    for number, filters in enumerate(_BLOCK_FILTERS, start=1):
        values = _residual_block(values, filters, f"block_{number}")
    primary = PrimaryCapsules(_TYPES, _PRIMARY_DIM, 9, 2, name="primary_capsules")(values)
    return CapsuleClassifier(
        keras.Model(images, class_capsules(primary), name="encoder"),
        dense_decoder(options.decoder, classes, _CAPSULE_DIM, _DECODER_WIDTHS, image_shape),
        name="rescapsnet",
    )


def _residual_block(inputs, filters, name):
    """`relu(F(x) + x)`, with x through a 1 x 1 convolution where the number of channels changes."""
    values = _convolution(filters, 3, f"{name}_convolution_1")(inputs)
    values = batch_normalization(f"{name}_normalization_1")(values)
    values = keras.layers.ReLU(name=f"{name}_relu_1")(values)
    values = _convolution(filters, 3, f"{name}_convolution_2")(values)
    values = batch_normalization(f"{name}_normalization_2")(values)
    if inputs.shape[-1] != filters:
        inputs = _convolution(filters, 1, f"{name}_shortcut_convolution")(inputs)
        inputs = batch_normalization(f"{name}_shortcut_normalization")(inputs)
    values = keras.layers.Add(name=f"{name}_sum")([values, inputs])
    return keras.layers.ReLU(name=f"{name}_relu_2")(values)


def _convolution(filters, kernel_size, name):
    """A convolution without a bias, which the normalization behind it would take out again."""
    return Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )
