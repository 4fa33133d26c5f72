"""Reader and writer of HDF5 files, whose rows are read when they are asked for.

The file holds `x_train`, `y_train`, `x_test`, `y_test` as an npz file does, and the attribute
`class_names`.  Each rank reads only the images of its own rows, so a data set may be larger than
memory.

Images are stored contiguously, not in chunks: 100 random rows of MNIST take 2 ms to read, from
chunks of any size 10 ms and more, since HDF5 looks up and copies a chunk for every row
(`python -m benchmarks.hdf5_layouts`).  Compression needs chunks; it is off by default.
"""

import os
from pathlib import Path

import h5py
import numpy as np

from caps_hvd.data.readers.checks import AGAIN, check_images, check_labels, check_size, reading
from caps_hvd.data.split import Split
from caps_hvd.errors import ConfigError, DataError
from caps_hvd.io.atomic import replacing

_EXPECTED = "an HDF5 file with x_train, y_train, x_test and y_test"
# Of the compressed layout: the smallest chunks that still compress well.
_ROWS_PER_CHUNK = 8


class Hdf5Split(Split):
    """A split of an HDF5 file: images are read on demand, labels lie in memory.

    The file is opened by the process that reads first, so the object can be pickled and survives
    a fork.

    Args:
        path: the file.
        key: of the images, `"x_train"` or `"x_test"`.
        image_shape: `(H, W, C)`.
        labels: integers `(n,)`; as many rows of the file belong to the split.
    """

    def __init__(self, path, key: str, image_shape, labels: np.ndarray):
        self.path, self.key = Path(path), key
        self.image_shape = tuple(image_shape)
        self.labels = np.asarray(labels, np.int32)
        self._opened = None

    def __len__(self):
        return len(self.labels)

    def __getstate__(self):
        return self.__dict__ | {"_opened": None}

    def take(self, indices):
        labels = self.labels[indices]
        # HDF5 wants each row once and in increasing order.
        rows, place = np.unique(np.asarray(indices) % len(self), return_inverse=True)
        if rows.size and rows[-1] - rows[0] + 1 == rows.size:
            rows = slice(rows[0], rows[-1] + 1)
        with reading(self.path, _EXPECTED):
            images = self._images()[rows]
        return images.reshape(-1, *self.image_shape)[place], labels

    def first(self, count):
        return Hdf5Split(self.path, self.key, self.image_shape, self.labels[:count])

    def _images(self) -> h5py.Dataset:
        if self._opened is None or self._opened[0] != os.getpid():
            # No lock: nobody writes to a file under its final name, and locks fail on some
            # network file systems.
            file = h5py.File(self.path, "r", locking=False)
            self._opened = os.getpid(), file[self.key]
        return self._opened[1]


def read_hdf5(path, image_shape=None, classes: int | None = None) -> tuple[Hdf5Split, Hdf5Split]:
    """Opens both splits of an HDF5 file; only the labels are read.

    Args:
        path: the file.
        image_shape: `(H, W, C)` that the images must have, None for any.
        classes: labels must be 0 to `classes - 1`; None: as many as the file names.

    Returns:
        `(train, test)`.

    Raises:
        DataError: the file is truncated or holds something else.
    """
    classes = classes or len(read_class_names(path))
    with reading(path, _EXPECTED), h5py.File(path, "r", locking=False) as file:
        train = _open_split(path, file, "train", image_shape, classes)
        test = _open_split(path, file, "test", train.image_shape, classes)
    return train, test


def read_class_names(path) -> tuple[str, ...]:
    """Returns the attribute `class_names`; where there is none, the class numbers as text."""
    with reading(path, _EXPECTED), h5py.File(path, "r", locking=False) as file:
        if "class_names" in file.attrs:
            return tuple(str(name) for name in np.ravel(file.attrs["class_names"]))
        labels = np.asarray(_stored(path, file, "y_train"))
        # A class without a single image would be a mistake, so there are not more than images.
        labels = check_labels(path, "y_train", labels, labels.size, classes=labels.size)
        return tuple(str(label) for label in range(labels.max(initial=0) + 1))


def write_hdf5(path, name: str, splits, names, *, compression: str | None = None) -> None:
    """Writes a data set; the file appears under its name only when it is complete and on disk.

    Args:
        path: file to write; one that is there is replaced.
        name: of the data set.
        splits: `(train, test)`.
        names: of the classes.
        compression: None (default), `"gzip"` or `"lzf"`.

    Raises:
        ConfigError: unknown compression.
        DataError: the file cannot be written, such as on a full disk.
    """
    if compression not in (None, "gzip", "lzf"):
        raise ConfigError(f"compression: expected gzip, lzf or none, received {compression!r}")
    with replacing(path, DataError) as partial, h5py.File(partial, "w") as file:
        file.attrs["name"] = name
        file.attrs["class_names"] = list(names)
        for part, split in zip(("train", "test"), splits, strict=True):
            _write_split(file, part, split, compression)


def _write_split(file: h5py.File, part: str, split: Split, compression: str | None) -> None:
    rows = min(_ROWS_PER_CHUNK, len(split))
    layout = {"chunks": (rows, *split.image_shape), "compression": compression, "shuffle": False}
    shape = (len(split), *split.image_shape)
    images = file.create_dataset(f"x_{part}", shape, np.uint8, **(layout if compression else {}))
    labels = file.create_dataset(f"y_{part}", shape[:1], np.int32)
    start = 0
    for block, block_labels in split.blocks():
        images[start : start + len(block)] = block
        labels[start : start + len(block)] = block_labels
        start += len(block)


def _open_split(path, file, part: str, image_shape, classes: int) -> Hdf5Split:
    x, y = f"x_{part}", f"y_{part}"
    images, labels = _stored(path, file, x), np.asarray(_stored(path, file, y))
    image_shape = check_images(path, x, images.shape, images.dtype, image_shape)
    labels = check_labels(path, y, labels, images.shape[0], classes)
    return Hdf5Split(path, x, image_shape, labels)


def _stored(path, file: h5py.File, key: str) -> h5py.Dataset:
    """Returns the data set `key`, once its header agrees with the bytes that are stored."""
    array = file.get(key)
    if not isinstance(array, h5py.Dataset):
        found = ", ".join(sorted(file)[:8]) or "nothing"
        raise DataError(f"{path}: expected {key}, found {found}; {AGAIN}")
    compressed = array.compression is not None
    stored = min(array.id.get_storage_size(), os.path.getsize(path))
    check_size(path, key, array.size * array.dtype.itemsize, stored, compressed=compressed)
    return array
