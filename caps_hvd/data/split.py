"""Splits of a data set: rows of images and labels that are taken by index.

Every reader ends in a `Split`, whether the rows lie in memory or in a file, so that what comes
after it (sharding, augmentation, batches) sees one thing: `len`, `image_shape`, `take`.
"""

from abc import ABC, abstractmethod

import numpy as np

from caps_hvd.errors import ConfigError


class Split(ABC):
    """A training or test set: rows of images with their labels.

    Shapes: images `(n, height, width, channels)`, labels `(n,)` int32.

    Attributes:
        image_shape: `(height, width, channels)`.
        labels: of all rows, int32 `(n,)`.
        dtype: of images: uint8, or float32 for values from 0 to 255 that bytes cannot hold.
        names: of all rows, texts `(n,)`, such as the paths of the pictures that they were; None
            where the data set has none.
    """

    image_shape: tuple[int, int, int]
    labels: np.ndarray
    dtype: np.dtype = np.dtype(np.uint8)
    names: np.ndarray | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    @abstractmethod
    def take(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows at `indices`, in that order; an index may come more than once.

        Args:
            indices: `(n,)` integers, each from 0 to `len(self) - 1`.

        Returns:
            `(images, labels)`: `(n, H, W, C)` and int32 `(n,)`.
        """

    @abstractmethod
    def select(self, rows: np.ndarray | slice) -> "Split":
        """Returns a split of some rows, in the order in which they are given."""

    def first(self, count: int) -> "Split":
        """Returns a split of the first `count` rows, `1 <= count <= len(self)`."""
        return self.select(slice(count))

    def blocks(self, rows: int = 4096):
        """Yields `(images, labels)` of all rows in order, `rows` at a time."""
        for start in range(0, len(self), rows):
            yield self.take(np.arange(start, min(start + rows, len(self))))


class ArraySplit(Split):
    """A split whose rows lie in memory.

    Args:
        images: `(n, H, W, C)`, uint8, or float32 from 0 to 255.
        labels: integers `(n,)`.
        names: of the rows, texts `(n,)`. Default: none.

    Example:

    ```python
    split = ArraySplit(np.zeros((3, 8, 8, 1), np.uint8), np.array([0, 1, 2]))
    images, labels = split.take([2, 0])  # labels: [2, 0]
    ```
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, names: np.ndarray | None = None):
        self.images = np.ascontiguousarray(images)
        self.labels, self.names = np.asarray(labels, np.int32), names
        self.image_shape, self.dtype = images.shape[1:], images.dtype

    def __len__(self):
        return len(self.labels)

    def take(self, indices):
        return self.images[indices], self.labels[indices]

    def select(self, rows):
        names = None if self.names is None else self.names[rows]
        return ArraySplit(self.images[rows], self.labels[rows], names)


def limit(split: Split, count: int | None, argument: str) -> Split:
    """Returns the first `count` rows of `split`, or all of it where `count` is None.

    The rows stay in the file's order, so that the same number always means the same rows.

    Raises:
        ConfigError: `count` is not within 1 and the number of rows; names `argument`.
    """
    if count is None:
        return split
    if not 1 <= count <= len(split):
        raise ConfigError(
            f"{argument}: expected 1 to {len(split)}, the samples there are, received {count}"
        )
    return split if count == len(split) else split.first(count)


def unit_range(images: np.ndarray) -> np.ndarray:
    """Returns uint8 or float images of the range [0, 255] as float32 in [0, 1]."""
    return np.multiply(images, np.float32(1 / 255), dtype=np.float32)
