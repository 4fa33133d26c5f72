"""Reader of npz files, numpy's archives of arrays; pickled arrays are refused."""

import zipfile
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from caps_hvd.data.readers.array_file import ArrayFile, MemoryArray
from caps_hvd.data.readers.checks import check_size, reading
from caps_hvd.errors import DataError

_EXPECTED = "an npz file"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_npz(path) -> ArrayFile:
    """Opens an npz file: headers are read, and arrays when they are asked for.

    Headers are checked before an array is read, so that a damaged or a hostile file cannot ask
    for more memory than its bytes can fill.

    Args:
        path: the file.

    Raises:
        DataError: the file is not an npz file, or is truncated.
    """
    with reading(path, _EXPECTED), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        arrays = [_array(path, archive, member) for member in members]
    return ArrayFile(Path(path), {array.name: array for array in arrays})


def _array(path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> MemoryArray:
    key = member.filename.removesuffix(".npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path}: {key} must be stored or deflated, found zip method "
            f"{member.compress_type}; write it with numpy.savez or numpy.savez_compressed"
        )
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise DataError(f"{path}: {key} must be npy version 1 or 2, found {version}")
        shape, _, dtype = _HEADERS[version](file)
    compressed = member.compress_type == zipfile.ZIP_DEFLATED
    if not dtype.hasobject:  # those are refused where they are needed
        size = prod(shape) * dtype.itemsize
        check_size(path, key, size, member.compress_size, compressed=compressed)
    return MemoryArray(f"{path}: {key}", key, shape, dtype, partial(_load, path, key))


def _load(path, key) -> np.ndarray:
    with reading(path, _EXPECTED), np.load(path, allow_pickle=False) as archive:
        return archive[key]
