"""A part without images of a class is told."""

import numpy as np
import pytest

from caps_hvd import data
from caps_hvd.data.missing_classes import listed


def part(*labels):
    return data.ArraySplit(np.zeros((len(labels), 1, 1, 1), np.uint8), np.array(labels))


NAMES = ("cat", "dog", "owl")
TRAIN = part(0, 1, 2, 2)


def test_parts_with_every_class():
    assert data.missing_classes(data.Dataset("own", TRAIN, part(2, 1, 0), NAMES)) == []


def test_parts_that_lack_one():
    dataset = data.Dataset("own", TRAIN, part(0, 0), NAMES, validation=part(0, 1))
    assert data.missing_classes(dataset) == [
        "warning: the validation part has no image of the class owl, which the network is trained "
        "on: its accuracy says nothing of that; give it images of each class",
        "warning: the test part has no image of the classes dog and owl, which the network is "
        "trained on: its accuracy says nothing of that; give it images of each class",
    ]


def test_a_class_that_is_not_trained_is_not_missed():
    assert data.missing_classes(data.Dataset("own", part(0, 1), part(0, 1), NAMES)) == []


@pytest.mark.parametrize(
    "names, words",
    [("a", "the class a"), ("abc", "the classes a, b and c"),
     ("abcde", "the classes a, b, c, d and e"), ("abcdefg", "the classes a, b, c, d and 3 others")],
)  # fmt: skip
def test_names_in_a_line(names, words):
    assert listed(names) == words
