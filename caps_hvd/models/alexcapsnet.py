"""AlexCapsNet: the convolutions of AlexNet, and routed class capsules behind them."""

import keras

from caps_hvd.config.model import AlexCapsNetOptions
from caps_hvd.layers import Conv2D, PrimaryCapsules
from caps_hvd.models.capsule_classifier import CapsuleClassifier, dense_decoder
from caps_hvd.models.class_capsules import routed_class_capsules
from caps_hvd.models.initialization import standardization
from caps_hvd.models.normalization import batch_normalization
from caps_hvd.models.resizing import enlarged

_SMALLEST_IMAGE = 28  # pixels; of smaller ones no 3 x 3 map would be left
_FILTERS = (96, 256, 384, 384, 256)  # of AlexNet's convolutions
# Padding of the pooling behind a convolution, for those with one: 28 -> 14 -> 7 -> 3 pixels.
_POOLING = {1: "same", 2: "same", 5: "valid"}
_TYPES, _PRIMARY_DIM, _CAPSULE_DIM = 32, 8, 16
_DECODER_WIDTHS = (512, 1024)


def alexcapsnet(options: AlexCapsNetOptions, image_shape, classes):
    """Builds an AlexCapsNet: five convolutions with max pooling, primary capsules, class capsules.

    From "Comparative Analysis of AlexCapsNet and ResCapsNet on Singular and Distributed Computing"
    are five convolutions in the manner of AlexNet (Krizhevsky, Sutskever and Hinton 2012) with ReLU
    and max pooling, 32 primary capsules of 8 components at 28 x 28 pixels, 16D class capsules,
    three routing iterations, and that there is no decoder. Filters and kernels, which it does not
    give, are those of Bao, Xu and Jin, "AlexCapsNet: An Integrated Architecture for Image
    Classification With Background Noise" (2025): AlexNet's 96, 256, 384, 384 and 256 filters, of
    3 x 3 pixels each. Ours are pooling over 3 x 3 pixels with stride 2 as in AlexNet, which leaves
    3 x 3 of 28 x 28 pixels; a 3 x 3 convolution to the primary capsules; batch normalization, where
    AlexNet has local response normalization; and the decoder that can be asked for, which is
    CapsNet's. (Without normalization a few steps of Adam at 0.001 make the primary capsules long
    and the same for all images, and nothing is learned.) Larger images leave more primary capsules,
    and smaller ones are enlarged to 28 pixels inside of the network.

    Args:
        options: routing, initialization and decoder.
        image_shape: (height, width, channels) of an image, of any size.
        classes: how many classes there are, 1 or more.

    Returns:
        A `CapsuleClassifier` (3,953,792 trained parameters at 28x28x1 and 10 classes).

    Raises:
        ConfigError: an option is out of range or there are no classes.

    Example:
        >>> options = AlexCapsNetOptions(initialization="published")
        >>> alexcapsnet(options, (28, 28, 1), 10).count_params()  # 2,752 of them are averages
        3956544
    """
    class_capsules = routed_class_capsules(options, classes, _CAPSULE_DIM, _TYPES)
    encoder = keras.Sequential(
        [
            keras.Input(tuple(image_shape)),
            *standardization(options.initialization),
            *enlarged(image_shape, _SMALLEST_IMAGE),
            *_convolutions(),
            PrimaryCapsules(_TYPES, _PRIMARY_DIM, kernel_size=3, name="primary_capsules"),
            class_capsules,
        ],
        name="encoder",
    )
    return CapsuleClassifier(
        encoder,
        dense_decoder(options.decoder, classes, _CAPSULE_DIM, _DECODER_WIDTHS, image_shape),
        name="alexcapsnet",
    )


def _convolutions():
    for number, filters in enumerate(_FILTERS, start=1):
        yield Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"convolution_{number}",
        )
        if number in _POOLING:
            yield keras.layers.MaxPooling2D(
                3, 2, padding=_POOLING[number], name=f"pooling_{number}"
            )
        yield batch_normalization(f"normalization_{number}")
