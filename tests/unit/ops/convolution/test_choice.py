"""The choice between forms follows from shapes and rates, and from nothing else."""

import dataclasses

import pytest

from caps_hvd.ops.convolution.choice import Rates, least_images, measure_rates, promises
from caps_hvd.ops.convolution.geometry import geometry

PAPER = geometry((20, 20, 256), (9, 9, 256, 256), (2, 2))
RATES = Rates(direct=60e9, product=80e9, transform=1e9)


def test_the_papers_second_convolution_is_bilinear_for_batches_and_its_first_never():
    least = least_images(PAPER, RATES)
    assert 2 <= least <= 100
    assert least_images(geometry((28, 28, 1), (9, 9, 1, 256), (1, 1)), RATES) is None


def test_a_faster_library_is_left_later_and_a_much_faster_one_never():
    faster = dataclasses.replace(RATES, direct=100e9)
    assert least_images(PAPER, faster) > least_images(PAPER, RATES)
    assert least_images(PAPER, dataclasses.replace(RATES, direct=1e12)) is None


@pytest.mark.parametrize(
    ("image", "kernel", "strides", "expected"),
    [
        ((12, 12, 256), (3, 3, 256, 256), (1, 1), True),
        ((12, 12, 256), (1, 1, 256, 256), (1, 1), False),
        ((8, 8, 64), (3, 3, 64, 64), (2, 2), False),
        ((14, 14, 6), (5, 5, 6, 16), (1, 1), False),
    ],
)
def test_what_promises(image, kernel, strides, expected):
    assert promises(geometry(image, kernel, strides)) is expected


def test_rates_are_positive():
    assert all(rate > 0 for rate in dataclasses.astuple(measure_rates()))
