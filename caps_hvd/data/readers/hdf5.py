"""Reader and writer of HDF5 files, whose rows are read when they are asked for.

Each rank reads only the images of its own rows, so a data set may be larger than memory.  What can
be read is for HDF5 to say: chunks that were never written are its fill value, and virtual and
external storage lie in other files.

Images are written contiguously, not in chunks: 100 random rows of MNIST take 2 ms to read, from
chunks of any size 10 ms and more, since HDF5 looks up and copies a chunk for every row
(`python -m benchmarks.hdf5_layouts`).  Compression needs chunks; it is off by default.
"""

import contextlib
import os
from pathlib import Path

import h5py
import numpy as np

from caps_hvd.data.readers.array_file import ArrayFile, StoredArray
from caps_hvd.data.readers.checks import reading
from caps_hvd.data.readers.hdf5_storage import check_storage, never_written, open_dataset
from caps_hvd.data.readers.pixels import Pixels
from caps_hvd.data.split import Split, unit_range
from caps_hvd.errors import ConfigError, DataError
from caps_hvd.io.atomic import replacing

_EXPECTED = "an HDF5 file"
# Of the compressed layout: the smallest chunks that still compress well.
_ROWS_PER_CHUNK = 8
# Arrays are looked for in groups within groups, so deep.
_DEPTH = 3


class Hdf5Split(Split):
    """A split of an HDF5 file: images are read on demand, labels lie in memory.

    The file is opened by the process that reads first, so the object can be pickled and survives
    a fork.

    Args:
        path: the file.
        key: of the images.
        pixels: how they are read.
        labels: integers `(n,)`.
        rows: of the file that belong to the split, in order. Default: the first n.
        names: of the rows of the split, texts `(n,)`. Default: none.
    """

    def __init__(self, path, key: str, pixels: Pixels, labels: np.ndarray, rows=None, names=None):
        self.path, self.key, self.pixels = Path(path), key, pixels
        self.image_shape, self.dtype = tuple(pixels.image_shape), pixels.dtype
        self.labels, self.names = np.asarray(labels, np.int32), names
        self.rows = np.arange(len(self.labels)) if rows is None else rows
        self._opened = None

    def __len__(self):
        return len(self.labels)

    def __getstate__(self):
        return self.__dict__ | {"_opened": None}

    def take(self, indices):
        # HDF5 wants each row once and in increasing order.
        rows, place = np.unique(self.rows[indices], return_inverse=True)
        if rows.size and rows[-1] - rows[0] + 1 == rows.size:
            rows = slice(rows[0], rows[-1] + 1)
        with reading(self.path, _EXPECTED):
            images = self._images()[rows]
        return self.pixels(images)[place], self.labels[indices]

    def select(self, rows):
        names = None if self.names is None else self.names[rows]
        return Hdf5Split(
            self.path, self.key, self.pixels, self.labels[rows], self.rows[rows], names
        )

    def _images(self) -> h5py.Dataset:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), open_dataset(_open(self.path), self.key)
        return self._opened[1]


class Hdf5Array(StoredArray):
    """An array of an HDF5 file.

    Args:
        path: the file.
        dataset: opened in it, of which shape and type are taken.
        name: it has there.
    """

    def __init__(self, path, dataset: h5py.Dataset, name: str):
        self.path, self.name, self.where = path, name, f"{path}: {name}"
        self.shape, self.dtype = dataset.shape or (), dataset.dtype
        self.texts = h5py.check_string_dtype(dataset.dtype) is not None
        if never_written(dataset):
            self.remark = f"{name} is not all written: what is missing reads as HDF5's fill value"

    def check(self):
        super().check()
        with reading(self.path, _EXPECTED), _open(self.path) as file:
            check_storage(self.where, open_dataset(file, self.name))

    def read(self):
        with reading(self.path, _EXPECTED), _open(self.path) as file:
            dataset = open_dataset(file, self.name)
            check_storage(self.where, dataset, whole=True)
            return np.asarray(dataset)

    def rows(self, start, stop):
        with reading(self.path, _EXPECTED), _open(self.path) as file:
            return open_dataset(file, self.name)[start:stop]

    def split(self, pixels, labels):
        return Hdf5Split(self.path, self.name, pixels, labels)


class LostArray(StoredArray):
    """A link to an array that is not there; refused where it is needed.

    Args:
        path: the file.
        target: of the link.
        name: of the link.
    """

    shape, dtype = (1,), np.dtype(np.uint8)

    def __init__(self, path, target: str, name: str):
        self.name, self.where, self.target = name, f"{path}: {name}", target

    def check(self):
        raise DataError(
            f"{self.where} is a link to {self.target}, which is not there; put it beside the file"
        )

    def read(self):
        self.check()

    def rows(self, start, stop):
        self.check()

    def split(self, pixels, labels):
        self.check()


def open_hdf5(path) -> ArrayFile:
    """Opens an HDF5 file and looks at its arrays, which are read when they are asked for.

    Args:
        path: the file.

    Raises:
        DataError: the file is truncated, or is no HDF5 file.
    """
    with reading(path, _EXPECTED), _open(path) as file:
        arrays = {
            name: LostArray(path, found, name)
            if isinstance(found, str)
            else Hdf5Array(path, found, name)
            for name, found in _datasets(file)
        }
        attributes = {name: file.attrs[name] for name in file.attrs}
    return ArrayFile(Path(path), arrays, attributes)


def _open(path) -> h5py.File:
    # No lock: nobody writes to a file under its final name, and locks fail on some network file
    # systems.
    return h5py.File(path, "r", locking=False)


def _datasets(group: h5py.Group, prefix="", depth=_DEPTH):
    """Yields (name, data set) of a group and of those within; of a link to nothing, where to."""
    for key in group:
        kind = None
        with contextlib.suppress(RuntimeError):  # an external link whose file is not there
            kind = group.get(key, getclass=True)
        if kind is h5py.Dataset:
            yield f"{prefix}{key}", open_dataset(group, key)
        elif kind is h5py.Group and depth > 1:
            yield from _datasets(group[key], f"{prefix}{key}/", depth - 1)
        elif kind is None:
            link = group.get(key, getlink=True)
            yield f"{prefix}{key}", getattr(link, "filename", "") or getattr(link, "path", "it")


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
    images = file.create_dataset(f"x_{part}", shape, split.dtype, **(layout if compression else {}))
    labels = file.create_dataset(f"y_{part}", shape[:1], np.int32)
    if split.names is not None:
        file[f"paths_{part}"] = split.names.astype(h5py.string_dtype())
    start = 0
    for block, block_labels in split.blocks():
        # What bytes cannot hold is written from 0 to 1, which has one meaning.
        images[start : start + len(block)] = block if split.dtype == np.uint8 else unit_range(block)
        labels[start : start + len(block)] = block_labels
        start += len(block)
