"""CapsNet of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017)."""

import dataclasses

import keras

from caps_hvd.config.model import CapsNetOptions
from caps_hvd.errors import ConfigError
from caps_hvd.layers import Conv2D, PrimaryCapsules
from caps_hvd.models.capsule_classifier import CapsuleClassifier, dense_decoder
from caps_hvd.models.class_capsules import routed_class_capsules
from caps_hvd.models.initialization import standardization
from caps_hvd.models.presets import preset_for


@dataclasses.dataclass(frozen=True)
class CapsNetPreset:
    """The sizes of a CapsNet; kernel sizes and strides are in pixels."""

    filters: int
    kernel_size: int
    padding: str
    primary_types: int
    primary_dim: int
    primary_kernel_size: int
    primary_strides: int
    capsule_dim: int
    decoder_widths: tuple[int, ...]

    @property
    def smallest_image(self):
        """Height and width in pixels below which no primary capsule is left."""
        lost = self.kernel_size - 1 if self.padding == "valid" else 0
        return self.primary_kernel_size + lost


PRESETS = {
    "paper": CapsNetPreset(256, 9, "valid", 32, 8, 9, 2, 16, (512, 1024)),
    "slim": CapsNetPreset(32, 9, "valid", 8, 8, 9, 2, 16, (128, 256)),
    "small": CapsNetPreset(64, 5, "same", 8, 8, 3, 2, 16, (128, 256)),
}


def capsnet(options: CapsNetOptions, image_shape, classes):
    """Builds a CapsNet: convolution, primary capsules, routed class capsules, dense decoder.

    Preset "paper" has 256 filters 9x9, 32 types of 8D capsules, 16D class capsules and a decoder
    of 512 and 1024 units: 8,215,568 trained parameters at 28x28x1 and 10 classes, 6,781,968 with
    weight sharing, 8,141,840 with the small decoder, and 6,708,240 with both. "slim" is the same
    with 32 filters, 8 types and a decoder of 128 and 256 units (792,336), "small" has 64 filters
    5x5, 8 types and that decoder, for images from 8x8 on. "auto" is "paper" for images of at least
    28x28, as in the paper, and "small" below.

    Args:
        options: size, routing and decoder.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are, 1 or more.

    Returns:
        A `CapsuleClassifier`.

    Raises:
        ConfigError: if an argument is out of range or the images are too small for the preset.
    """
    height, width, _ = image_shape
    preset = preset_for(options.preset, image_shape, PRESETS)
    sizes = PRESETS[preset]
    class_capsules = routed_class_capsules(options, classes, sizes.capsule_dim, sizes.primary_types)
    if min(height, width) < sizes.smallest_image:
        raise ConfigError(
            f"preset {preset!r} expects images of at least {sizes.smallest_image} x "
            f"{sizes.smallest_image} pixels; received {height} x {width}; choose another preset "
            "or larger images"
        )

    encoder = keras.Sequential(
        [
            keras.Input(tuple(image_shape)),
            *standardization(options.initialization),
            Conv2D(
                sizes.filters,
                sizes.kernel_size,
                padding=sizes.padding,
                activation="relu",
                name="convolution",
            ),
            PrimaryCapsules(
                sizes.primary_types,
                sizes.primary_dim,
                sizes.primary_kernel_size,
                sizes.primary_strides,
                name="primary_capsules",
            ),
            class_capsules,
        ],
        name="encoder",
    )
    widths = sizes.decoder_widths
    return CapsuleClassifier(
        encoder,
        dense_decoder(options.decoder, classes, sizes.capsule_dim, widths, image_shape),
        preset=preset,
        name="capsnet",
    )
