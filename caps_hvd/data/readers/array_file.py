"""Files of named arrays, whatever their format: what readers open, and what is then interpreted.

Opening looks at headers alone; values are read when they are asked for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from caps_hvd.data.readers.pixels import Pixels
from caps_hvd.data.split import ArraySplit, Split
from caps_hvd.errors import DataError

_BLOCK_BYTES = 2**23


class StoredArray(ABC):
    """An array of a file.

    Attributes:
        where: what errors call it, such as `own.npz: x_train`.
        name: it has in the file.
        shape: of all of it.
        dtype: of its values; `object` for texts of any length.
        texts: whether values of the type `object` are texts.
        remark: what a person should know of its values; empty for nothing.
    """

    where: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    texts: bool = False
    remark: str = ""

    @abstractmethod
    def read(self) -> np.ndarray:
        """Returns all values; texts as `str`."""

    @abstractmethod
    def rows(self, start: int, stop: int) -> np.ndarray:
        """Returns the values of some rows."""

    @abstractmethod
    def split(self, pixels: Pixels, labels: np.ndarray) -> Split:
        """Returns the split whose images are read from this array.

        Args:
            pixels: how.
            labels: int32, one for each row.
        """

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return self.dtype.kind in "SU" or (self.dtype.kind == "O" and self.texts)

    def check(self) -> None:
        """Refuses an array that cannot be read, before it is.

        Raises:
            DataError: it holds neither numbers nor texts, or its values are not there.
        """
        if self.dtype.kind in "SUOV" and not self.is_text:
            raise DataError(
                f"{self.where} must be an array of numbers, found "
                f"{'pickled objects' if self.dtype.hasobject else self.dtype}, which are never "
                "loaded; store images as uint8, and labels that are texts with .astype(str)"
            )

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields the rows in order, some megabytes at a time."""
        row_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        rows = max(1, _BLOCK_BYTES // max(1, row_bytes))
        for start in range(0, self.shape[0], rows):
            yield self.rows(start, min(start + rows, self.shape[0]))


class MemoryArray(StoredArray):
    """An array that is read as a whole, once.

    Args:
        where, name, shape, dtype: as of `StoredArray`.
        load: returns the values.
    """

    def __init__(self, where, name, shape, dtype, load: Callable[[], np.ndarray]):
        self.where, self.name, self.dtype = where, name, np.dtype(dtype)
        self.shape = tuple(int(side) for side in shape)
        self._load, self._values = load, None

    def read(self):
        if self._values is None:
            self._values = self._load()
        return self._values

    def rows(self, start, stop):
        return self.read()[start:stop]

    def split(self, pixels, labels):
        if pixels.as_stored(self.dtype):
            return ArraySplit(self.read().reshape(-1, *pixels.image_shape), labels)
        images = np.empty((self.shape[0], *pixels.image_shape), pixels.dtype)
        start = 0
        for block in self.blocks():
            images[start : start + len(block)] = pixels(block)
            start += len(block)
        return ArraySplit(images, labels)


@dataclass(frozen=True)
class ArrayFile:
    """A file, or a folder of files, that holds arrays by name.

    Attributes:
        path: of it.
        arrays: name -> array; names of groups in a file are joined by `/`.
        attributes: name -> value of what the file says of itself.
    """

    path: Path
    arrays: dict[str, StoredArray]
    attributes: dict[str, object] = field(default_factory=dict)
