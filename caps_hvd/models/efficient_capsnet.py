"""Efficient-CapsNet of Mazzia, Salvetti and Chiaberge (2021)."""

import keras

from caps_hvd.config.model import EfficientCapsNetOptions
from caps_hvd.errors import ConfigError
from caps_hvd.layers import Conv2D, DepthwisePrimaryCapsules, SelfAttentionCapsules
from caps_hvd.models.capsule_classifier import CapsuleClassifier, dense_decoder
from caps_hvd.models.initialization import standardization
from caps_hvd.models.normalization import batch_normalization
from caps_hvd.models.resizing import enlarged

_SMALLEST_IMAGE = 28  # pixels; of smaller ones less than 9 x 9 positions would be left
_CONVOLUTIONS = ((32, 5, 1), (64, 3, 1), (64, 3, 1), (128, 3, 2))  # filters, kernel size, stride
_PRIMARY_DIM, _CAPSULE_DIM = 8, 16
_DECODER_WIDTHS = (512, 1024)


def efficient_capsnet(options: EfficientCapsNetOptions, image_shape, classes):
    """Builds an Efficient-CapsNet: four convolutions, 16 primary capsules, self-attention routing.

    Mazzia, Salvetti and Chiaberge, "Efficient-CapsNet: capsule network with self-attention
    routing", arXiv:2101.12491 (2021), as in the code that they published for MNIST: convolutions
    with ReLU and batch normalization behind it, a depthwise convolution as large as the maps that
    are left (9 x 9 of 28 x 28 pixels), which gives 16 capsules of 8 components whatever the size of
    the images, 16D class capsules, and CapsNet's decoder. Ours are the momentum of batch
    normalization, 0.9, and that images below 28 pixels are enlarged inside of the network.

    Args:
        options: initialization and decoder. At "scaled" images are standardised; class capsules
            start as published, since neither their non-linearity nor batch normalization lets them
            stand still.
        image_shape: (height, width, channels) of an image, of any size.
        classes: how many classes there are, 1 or more.

    Returns:
        A `CapsuleClassifier` (161,824 trained parameters at 28x28x1 and 10 classes, and 1,411,344
        in the decoder).

    Raises:
        ConfigError: there are no classes, or the decoder is an unknown one.

    Example:
        >>> options = EfficientCapsNetOptions(decoder="none", initialization="published")
        >>> efficient_capsnet(options, (28, 28, 1), 10).count_params()  # 576 of them are averages
        162400
    """
    if classes < 1:
        raise ConfigError(f"classes: expected 1 or more; received {classes}")
    encoder = keras.Sequential(
        [
            keras.Input(tuple(image_shape)),
            *standardization(options.initialization),
            *enlarged(image_shape, _SMALLEST_IMAGE),
            *_convolutions(),
            DepthwisePrimaryCapsules(_PRIMARY_DIM, name="primary_capsules"),
            SelfAttentionCapsules(classes, _CAPSULE_DIM, name="class_capsules"),
        ],
        name="encoder",
    )
    return CapsuleClassifier(
        encoder,
        dense_decoder(options.decoder, classes, _CAPSULE_DIM, _DECODER_WIDTHS, image_shape),
        name="efficient_capsnet",
    )


def _convolutions():
    for number, (filters, kernel_size, strides) in enumerate(_CONVOLUTIONS, start=1):
        yield Conv2D(
            filters,
            kernel_size,
            strides,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"convolution_{number}",
        )
        yield batch_normalization(f"normalization_{number}")
