"""CapsNet of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017)."""

import dataclasses

import keras

from caps_hvd.errors import ConfigError
from caps_hvd.layers import PrimaryCapsules, RoutedCapsules
from caps_hvd.models.capsule_classifier import CapsuleClassifier, decoder_inputs, dense_decoder
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


def capsnet(
    image_shape,
    classes,
    preset="auto",
    routing_iterations=3,
    stop_gradient=False,
    routing_memory_mib=None,
    weight_sharing=False,
    decoder="full",
):
    """Builds a CapsNet: convolution, primary capsules, routed class capsules, dense decoder.

    Args:
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are, 1 or more.
        preset: "paper" (256 filters 9x9, 32 types of 8D capsules, 16D class capsules, decoder
            512-1024; 8,215,568 parameters at 28x28x1 and 10 classes), "slim" (the same with 32
            filters, 8 types and decoder 128-256; 792,336 parameters), "small" (64 filters 5x5, 8
            types, decoder 128-256; for images from 8x8 on), or "auto": "paper" for images of at
            least 28x28, as in the paper, and "small" below. Defaults to "auto".
        routing_iterations: 1 or more. Defaults to 3.
        stop_gradient: whether gradients skip all routing iterations but the last.
        routing_memory_mib: limit in MiB for the working memory of routing, or None.
        weight_sharing: whether all positions of an image share the transformations of a capsule
            type (6,781,968 parameters in the paper's size; 6,708,240 with the small decoder).
            Defaults to False.
        decoder: "full" reconstructs images from all class capsules, all but one of them zeroed;
            "small" from that one alone (8,141,840 parameters in the paper's size); "none" does not.
            Defaults to "full".

    Returns:
        A `CapsuleClassifier`.

    Raises:
        ConfigError: if an argument is out of range or the images are too small for the preset.
    """
    height, width, _ = image_shape
    preset = preset_for(preset, image_shape, PRESETS)
    for name, value in {"classes": classes, "routing_iterations": routing_iterations}.items():
        if value < 1:
            raise ConfigError(f"{name}: expected 1 or more; received {value}")
    sizes = PRESETS[preset]
    if min(height, width) < sizes.smallest_image:
        raise ConfigError(
            f"preset {preset!r} expects images of at least {sizes.smallest_image} x "
            f"{sizes.smallest_image} pixels; received {height} x {width}; choose another preset "
            "or larger images"
        )

    encoder = keras.Sequential(
        [
            keras.Input(tuple(image_shape)),
            keras.layers.Conv2D(
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
            RoutedCapsules(
                classes,
                sizes.capsule_dim,
                iterations=routing_iterations,
                stop_gradient=stop_gradient,
                types=sizes.primary_types if weight_sharing else None,
                memory_mib=routing_memory_mib,
                name="class_capsules",
            ),
        ],
        name="encoder",
    )
    inputs = decoder_inputs(decoder, classes, sizes.capsule_dim)
    return CapsuleClassifier(
        encoder,
        None if inputs is None else dense_decoder(inputs, sizes.decoder_widths, image_shape),
        preset=preset,
        name="capsnet",
    )
