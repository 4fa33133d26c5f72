"""Which test image is perturbed, and what is said where there is none."""

import numpy as np
import pytest

from caps_hvd.data import ArraySplit
from caps_hvd.errors import ConfigError
from caps_hvd.inspection.commands import _image_of_class

NAMES = ("cat", "dog", "bird")
LABELS = np.array([0, 2, 0, 2])
SPLIT = ArraySplit(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), LABELS)


@pytest.mark.parametrize("label, sample, row", [(0, 0, 0), (0, 1, 2), (2, 1, 3)])
def test_the_image(label, sample, row):
    assert _image_of_class(SPLIT, label, sample, NAMES) == np.float32(row) / 255


def test_a_class_without_images():
    with pytest.raises(ConfigError) as error:
        _image_of_class(SPLIT, 1, 0, NAMES)
    assert str(error.value) == (
        "perturb: the class dog has no image among the 4 test images; choose one that has, cat, "
        "bird, or more images with --test-samples or --dataset"
    )


def test_more_than_there_are():
    with pytest.raises(ConfigError, match="0 to 1, the 2 test images of the class bird, received"):
        _image_of_class(SPLIT, 2, 2, NAMES)
