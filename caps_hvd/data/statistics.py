"""Statistics of the images of a split."""

import math

import numpy as np

from caps_hvd.data.split import Split

_BYTES = 2**26  # of images that are looked at: all of MNIST
_VALUES = 2**22  # that are summed at once


def channel_statistics(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of each channel, of images from 0 to 1.

    Of a large split every n-th image is looked at, 64 MiB of them.

    Args:
        split: of images.

    Returns:
        Two float64 arrays of shape (channels,).
    """
    values = math.prod(split.image_shape)
    rows = evenly(len(split), max(_BYTES // (values * split.dtype.itemsize), 1))
    count, total, squares = 0, 0.0, 0.0
    for images, _ in split.select(rows).blocks(max(_VALUES // values, 1)):
        pixels = images.reshape(-1, images.shape[-1]).astype(np.float64) / 255
        count += len(pixels)
        total = total + pixels.sum(axis=0)
        squares = squares + np.square(pixels).sum(axis=0)
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - np.square(mean), 0))


def evenly(size: int, count: int) -> np.ndarray:
    """Up to `count` numbers below `size`, evenly spread from 0 on: every n-th, in their order."""
    return np.arange(0, size, max(math.ceil(size / count), 1))
