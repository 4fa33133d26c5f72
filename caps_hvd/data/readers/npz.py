"""Reader of npz files in the layout that Keras uses.

The file holds `x_train`, `y_train`, `x_test`, `y_test`: uint8 images `(n, H, W)` or
`(n, H, W, C)` and integer labels `(n,)` or `(n, 1)`.  Pickled arrays are refused.
"""

import zipfile
from math import prod

import numpy as np

from caps_hvd.data.readers.checks import AGAIN, check_images, check_labels, check_size, reading
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path, image_shape, classes: int) -> tuple[ArraySplit, ArraySplit]:
    """Reads both splits of an npz file.

    Headers are checked before an array is read, so that a damaged or a hostile file cannot ask
    for more memory than its bytes can fill.

    Args:
        path: the file.
        image_shape: `(H, W, C)` that the images must have.
        classes: labels must be 0 to `classes - 1`.

    Returns:
        `(train, test)`.

    Raises:
        DataError: the file is not an npz file, is truncated, or holds something else.
    """
    with reading(path, "an npz file with x_train, y_train, x_test and y_test"):
        with zipfile.ZipFile(path) as archive:
            headers = {key: _header(path, archive, key) for key in KEYS}
        with np.load(path, allow_pickle=False) as archive:
            return tuple(
                _split(path, archive, headers, part, image_shape, classes)
                for part in ("train", "test")
            )


def _header(path, archive: zipfile.ZipFile, key: str) -> tuple[tuple, np.dtype]:
    try:
        member = archive.getinfo(f"{key}.npy")
    except KeyError:
        found = ", ".join(sorted(archive.namelist())[:8]) or "nothing"
        raise DataError(
            f"{path}: expected the arrays {', '.join(KEYS)}, {key} is missing, found {found}; "
            "store the data set under these names"
        ) from None
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
    if dtype.hasobject:
        raise DataError(
            f"{path}: {key} must be an array of numbers, found pickled objects, which are never "
            "loaded; store it as uint8"
        )
    compressed = member.compress_type == zipfile.ZIP_DEFLATED
    check_size(path, key, prod(shape) * dtype.itemsize, member.compress_size, compressed=compressed)
    return shape, dtype


def _split(path, archive, headers, part, image_shape, classes):
    x, y = f"x_{part}", f"y_{part}"
    for key in (x, y):
        if headers[key][1].kind == "f" and (wrong := np.sum(~np.isfinite(archive[key]))):
            raise DataError(
                f"{path}: {key} holds {wrong} values that are NaN or infinite, expected uint8; "
                f"{AGAIN}"
            )
    image_shape = check_images(path, x, *headers[x], image_shape)
    labels = check_labels(path, y, archive[y], headers[x][0][0], classes)
    return ArraySplit(archive[x].reshape(-1, *image_shape), labels)
