"""What tests of several models ask: parameters, layers, and images of every shape."""

import numpy as np

from caps_hvd import models
from caps_hvd.training.build import parameter_count

IMAGES_AND_CLASSES = [
    ((28, 28, 1), 10), ((32, 32, 3), 1), ((28, 56, 1), 2), ((64, 64, 1), 100), ((8, 8, 1), 3),
]  # fmt: skip


def trained(model) -> int:
    return parameter_count(model.trainable_variables)


def rows(model) -> dict:
    return {row.layer: row for row in models.summary(model)}


def check_every_size(options) -> None:
    """Builds and calls the model of a class of options for every shape, with a decoder."""
    for image_shape, classes in IMAGES_AND_CLASSES:
        model = models.build(options(decoder="small"), image_shape, classes)
        outputs = model(np.ones((1, *image_shape), "float32"))
        assert tuple(outputs["scores"].shape) == (1, classes)
        assert tuple(outputs["reconstruction"].shape) == (1, *image_shape)
