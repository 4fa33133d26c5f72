"""Reader of the IDX files of MNIST, plain or gzip compressed.

Four files: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
`t10k-labels-idx1-ubyte`, each with or without `.gz`; `.idx3-ubyte` for `-idx3-ubyte` is found too.
An IDX file is two zero bytes, a type (8: unsigned byte), the number of axes, one big-endian
32-bit length for each axis, and the values in row order.
"""

import gzip
import os
import struct
from math import prod
from pathlib import Path

import numpy as np

from caps_hvd.data.readers.checks import AGAIN, check_images, check_labels, check_size, reading
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import DataError

_UNSIGNED_BYTE = 8
_PARTS = {
    f"{kind}_{part}": f"{prefix}-{word}{{}}idx{axes}-ubyte"
    for part, prefix in (("train", "train"), ("test", "t10k"))
    for kind, word, axes in (("x", "images", 3), ("y", "labels", 1))
}


def find_idx(folder) -> dict[str, Path]:
    """Returns those of the four files that `folder` holds, by npz name (`x_train`, ...)."""
    files = {}
    for key, pattern in _PARTS.items():
        names = (pattern.format(dot) + end for end in ("", ".gz") for dot in "-.")
        if paths := [path for name in names if (path := Path(folder, name)).is_file()]:
            files[key] = paths[0]
    return files


def read_idx(folder, image_shape, classes: int) -> tuple[ArraySplit, ArraySplit]:
    """Reads both splits from the four files of a folder.

    Args:
        folder: where the files lie.
        image_shape: `(H, W, 1)` that the images must have.
        classes: labels must be 0 to `classes - 1`.

    Returns:
        `(train, test)`.

    Raises:
        DataError: a file is missing, truncated, no IDX file, or holds something else.
    """
    files = find_idx(folder)
    for key, pattern in _PARTS.items():
        if key not in files:
            raise DataError(
                f"{folder}: expected MNIST's four IDX files, {pattern.format('-')} (or .gz) is "
                f"missing; {AGAIN}"
            )
    splits = []
    for part in ("train", "test"):
        x, y = files[f"x_{part}"], files[f"y_{part}"]
        images = read_idx_array(x, axes=3)
        shape = check_images(x, "the images", images.shape, images.dtype, image_shape)
        labels = check_labels(y, "the labels", read_idx_array(y, axes=1), len(images), classes)
        splits.append(ArraySplit(images.reshape(-1, *shape), labels))
    return tuple(splits)


def read_idx_array(path, axes: int) -> np.ndarray:
    """Reads one IDX file of unsigned bytes with `axes` axes.

    The lengths in the header are compared with the size of the file before memory is asked for.
    """
    compressed = Path(path).suffix == ".gz"
    with reading(path, "an IDX file"), (gzip.open if compressed else open)(path, "rb") as file:
        header = file.read(4 + 4 * axes)
        if len(header) != 4 + 4 * axes or header[:4] != bytes((0, 0, _UNSIGNED_BYTE, axes)):
            raise DataError(
                f"{path}: expected an IDX file of unsigned bytes with {axes} axes (it starts with "
                f"0000080{axes}), found {header[:4].hex() or 'nothing'}; {AGAIN}"
            )
        shape = struct.unpack(f">{axes}I", header[4:])
        stored = os.path.getsize(path) - (0 if compressed else len(header))
        check_size(path, f"its array {shape}", prod(shape), stored, compressed=compressed)
        values = file.read(prod(shape))
        if len(values) != prod(shape) or file.read(1):
            raise DataError(
                f"{path}: its header says {prod(shape)} values, found "
                f"{'more' if len(values) == prod(shape) else len(values)}; {AGAIN}"
            )
    return np.frombuffer(values, np.uint8).reshape(shape)
