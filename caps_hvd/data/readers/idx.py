"""Reader of the IDX files of MNIST and of data sets in its form, plain or gzip compressed.

Four files: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
`t10k-labels-idx1-ubyte`, each with or without `.gz`; `.idx3-ubyte` for `-idx3-ubyte`, `test` for
`t10k`, and anything before them, such as `emnist-letters-`, are found too.
An IDX file is two zero bytes, the type of its values, the number of axes, one big-endian 32-bit
length for each axis, and the values in row order, big-endian.
"""

import gzip
import os
import re
import struct
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from caps_hvd.data.readers.array_file import ArrayFile, MemoryArray
from caps_hvd.data.readers.checks import check_size, reading
from caps_hvd.errors import DataError

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_NAME = re.compile(
    r"(?P<set>.*?)-?(?P<part>train|test|t10k)-(?P<kind>images|labels)[-.]idx\d-ubyte(\.gz)?"
)
PICTURES_FIRST = "docs/own_images.md has the program that makes an .npz file of pictures"
_PARTS = {"train": "train", "t10k": "test", "test": "test"}
_KINDS = {"images": "x", "labels": "y"}


def is_idx(folder: Path) -> bool:
    """Whether a folder holds MNIST's files, or those of a data set that uses its names."""
    return bool(_files(folder).get(""))


def holds_idx(folder: Path) -> bool:
    """Whether a folder holds IDX files of any data set, in itself or in `raw/`."""
    return bool(_files(folder) or _files(folder / "raw"))


def open_idx(folder) -> ArrayFile:
    """Opens the files of a folder: headers are read, and values when they are asked for.

    Args:
        folder: where the files lie, or where `raw/` is that holds them.

    Raises:
        DataError: a file is no IDX file or is truncated, or there are several data sets.
    """
    folder = Path(folder)
    sets = _files(folder) or _files(folder / "raw")
    files = sets.get("") or next(iter(sets.values()), {})
    if len(sets) > 1 and "" not in sets:
        raise DataError(
            f"{folder}: expected the IDX files of one data set, found those of "
            f"{', '.join(sorted(sets))}; put the four files of one into a folder of their own"
        )
    for name in ("x_train", "y_train"):
        if name not in files:
            pattern = f"train-{'images-idx3' if name == 'x_train' else 'labels-idx1'}-ubyte"
            raise DataError(
                f"{folder}: expected IDX files, {pattern} (or .gz) is missing; name a file .npz or "
                f".h5 if it holds one; {PICTURES_FIRST}"
            )
    return ArrayFile(folder, {name: _array(name, path) for name, path in files.items()})


def _files(folder: Path) -> dict[str, dict[str, Path]]:
    """Data set (empty for MNIST's own names) -> array name -> file; plain before compressed."""
    found = {}
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        if (name := _NAME.fullmatch(path.name)) and path.is_file():
            key = f"{_KINDS[name['kind']]}_{_PARTS[name['part']]}"
            found.setdefault(name["set"], {})[key] = path
    return found


def _array(name, path) -> MemoryArray:
    shape, dtype = _header(path)
    what = "the images" if name.startswith("x") else "the labels"
    return MemoryArray(f"{path}: {what}", name, shape, dtype, partial(_values, path, shape, dtype))


def _open(path):
    return (gzip.open if Path(path).suffix == ".gz" else open)(path, "rb")


def _header(path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type; the lengths are compared with the file's size before memory is asked for."""
    compressed = Path(path).suffix == ".gz"
    with reading(path, "an IDX file"), _open(path) as file:
        start = file.read(4)
        lengths = file.read(4 * start[3]) if len(start) == 4 else b""
        if start[:2] != b"\0\0" or len(start) < 4 or start[2] not in _TYPES or not start[3]:
            raise DataError(
                f"{path}: expected an IDX file, which starts with 0000 and the type of its values, "
                f"found {start.hex() or 'nothing'}"
            )
        if len(lengths) != 4 * start[3]:
            raise DataError(f"{path}: expected an IDX file, found one that ends in its header")
        shape = struct.unpack(f">{start[3]}I", lengths)
        dtype = np.dtype(_TYPES[start[2]])
        stored = os.path.getsize(path) - (0 if compressed else 4 + len(lengths))
        size = prod(shape) * dtype.itemsize
        check_size(path, f"its array {shape}", size, stored, compressed=compressed)
    return shape, dtype


def _values(path, shape, dtype) -> np.ndarray:
    size = prod(shape) * dtype.itemsize
    with reading(path, "an IDX file"), _open(path) as file:
        file.seek(4 + 4 * len(shape))
        values = file.read(size)
        if len(values) != size or file.read(1):
            found = "more" if len(values) == size else len(values) // dtype.itemsize
            raise DataError(f"{path}: its header says {prod(shape)} values, found {found}")
    array = np.frombuffer(values, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)
