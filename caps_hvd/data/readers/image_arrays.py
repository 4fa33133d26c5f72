"""Images of a file of arrays that need no labels, one after the other."""

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np

from caps_hvd.data.readers import OPEN, ReadOptions, format_of
from caps_hvd.data.readers.array_file import ArrayFile, StoredArray
from caps_hvd.data.readers.array_names import kind_of
from caps_hvd.data.readers.pixels import Pixels, find_axes, find_range
from caps_hvd.data.split import unit_range
from caps_hvd.errors import DataError, check_choice


class ImageArray:
    """The images of an array in a file; some megabytes of an HDF5 file are in memory at a time.

    Args:
        path: an .npz, .h5 or .hdf5 file.
        name: of the array. Default: the only one that holds images.

    Raises:
        DataError: the file is damaged, or holds no images, or several arrays of them.

    Example:
        >>> images = ImageArray("own.npz", "x_test")
        >>> len(images), next(images.read((28, 28, 1))).shape
        (1000, (28, 28, 1))
    """

    def __init__(self, path, name: str | None = None):
        file = OPEN[format_of(Path(path))](path)
        self.array = _named(file, name) if name else _only(file)
        self.array.check()

    def __len__(self):
        return self.array.shape[0]

    def read(self, image_shape, options: ReadOptions | None = None) -> Iterator[np.ndarray]:
        """Yields the images, each as `prepare` takes it, in their own size.

        Args:
            image_shape: (height, width, channels) of the network. An array whose axes are these in
                another order, or whose rows are as many values, is read so.
            options: `image_shape`, `image_layout` and `pixel_range` count. Default: none given.

        Raises:
            DataError: the values or axes have two meanings, or none.
        """
        options = options or ReadOptions()
        array, (height, width, channels) = self.array, image_shape
        # One image in colour would be read as many narrow ones in grey.
        if len(array.shape) == 3 and array.shape[-1] in (3, 4):
            raise DataError(
                f"{array.where} has the shape {array.shape}: one image? Store it in the shape "
                f"{(1, *array.shape)}"
            )
        same = array.shape[1:] in ((height, width, channels), (channels, height, width))
        expected = tuple(image_shape) if same or len(array.shape) == 2 else None
        axes = find_axes(
            array.where, array.shape, options.image_shape or expected, options.image_layout
        )
        values = find_range(array.where, array.dtype, array.blocks(), options.pixel_range)
        pixels = Pixels(
            axes.image_shape, axes.channels_first, values.low, values.high, values.eight_bit
        )
        for block in array.blocks():
            for image in pixels(block):
                yield image if image.dtype == np.uint8 else unit_range(image)


def _named(file: ArrayFile, name) -> StoredArray:
    check_choice("--array", name, file.arrays, DataError)
    return file.arrays[name]


def _only(file: ArrayFile) -> StoredArray:
    """The array of images: by its axes, and where several have such, by its name, too."""
    found = [each for each in file.arrays.values() if len(each.shape) in (3, 4)]
    found = found or [each for each in file.arrays.values() if len(each.shape) == 2]
    named = [each for each in found if kind_of(each.name) == "images"]
    found = named or found
    if not found:
        shapes = [f"{name} {array.shape}" for name, array in file.arrays.items()]
        raise DataError(
            f"{file.path}: expected an array of images, of shape (n, height, width, channels), "
            f"found {', '.join(shapes[:8]) or 'nothing'}"
        )
    if len(found) > 1:
        names = ", ".join(array.name for array in found)
        raise DataError(
            f"{file.path}: several arrays may hold the images, {names}; name one with --array, "
            f"such as --array {max(found, key=lambda each: prod(each.shape)).name}"
        )
    return found[0]
