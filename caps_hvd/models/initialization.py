"""The initialization "scaled": standardised images, and class capsules of a certain length.

At "published" a network starts as its paper says, and nothing here applies.
"""

from caps_hvd.layers import Standardization
from caps_hvd.layers.routed_capsules import routed_inputs

# Of output capsules at the start, if all input capsules had length 1. It is that of the paper's
# network, whose gain so is about 1.
_LENGTH = 0.65
_BLOCK = 10  # images that go through at once: far less memory than a step of training


def standardization(initialization: str) -> list[Standardization]:
    """The layer that a network at "scaled" begins with, in a list; none at "published"."""
    if initialization == "published":
        return []
    return [Standardization(name="standardization")]


def needs_images(model) -> bool:
    """Whether a model was built for "scaled", and is to be initialized by its images."""
    return any(isinstance(layer, Standardization) for layer in model.encoder.layers)


def initialize(model, mean, deviation, images, taken=frozenset()) -> None:
    """Gives a fresh model at "scaled" the statistics of its images, and its capsules their length.

    Args:
        model: a `Classifier` for which `needs_images`, with weights that no step has changed.
        mean, deviation: of each channel of the training images, from 0 to 1.
        images: some of them, (batch, height, width, channels) from 0 to 1.
        taken: paths of weights that are another network's; class capsules with such weights stay as
            they are. Default none.
    """
    for layer in model.encoder.layers:
        if isinstance(layer, Standardization):
            layer.set_statistics(mean, deviation)
    with routed_inputs(model.encoder) as seen:
        for first in range(0, len(images), _BLOCK):
            model.encoder(images[first : first + _BLOCK], training=False)
    for layer, capsules in seen.items():
        if layer.initialization == "scaled" and layer.kernel.path not in taken:
            layer.scale_start(capsules, _LENGTH)
