"""What the words of a command line name: pictures, those in folders, images in files of arrays."""

import dataclasses
import functools
import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from caps_hvd.data.readers import SUFFIXES, ReadOptions
from caps_hvd.data.readers.image_arrays import ImageArray
from caps_hvd.data.readers.picture import PICTURE_SUFFIXES, read_picture
from caps_hvd.errors import ConfigError, DataError

PIPE = "-"
_PIPE_BYTES = 65536


@dataclasses.dataclass(frozen=True)
class FoundImage:
    """An image that was found: what it is called, and what reads it or raises a `DataError`.

    Its class is known where it is of a data set.
    """

    name: str
    read: Callable[[], np.ndarray]
    true_class: str | None = None


@dataclasses.dataclass(frozen=True)
class ImageSources:
    """The images that some words name.

    Args:
        words: paths of pictures, of folders, of .npz, .h5 and .hdf5 files; patterns such as
            `*.png`, with `**` for folders within folders; and "-" for paths from a pipe.
        array: name of the array in a file of arrays. Default: the only one of images.
        options: how arrays are read. Default: none given.
        pipe: binary stream of paths that "-" stands for, one in a line, or with a zero byte behind
            each, as of `find -print0`. Default: none.

    Raises:
        ConfigError: a pattern matches nothing, or a folder holds no picture.
    """

    words: tuple[str, ...]
    array: str | None = None
    options: ReadOptions = dataclasses.field(default_factory=ReadOptions)
    pipe: object = None

    def __post_init__(self):
        for path in self._paths():
            if os.path.isdir(path) and next(_pictures_in(path), None) is None:
                raise ConfigError(
                    f"IMAGES: expected pictures in the folder {path}, found none that ends in "
                    f"{', '.join(PICTURE_SUFFIXES)}; check the path"
                )

    def count(self) -> int | None:
        """Number of images; None where a pipe names them."""
        if PIPE in self.words:
            return None
        return sum(self._count(path) for path in self._paths())

    def images(self, image_shape) -> Iterator[FoundImage]:
        """Yields the images in the order of the words, each before the next is looked for.

        Args:
            image_shape: (height, width, channels) of the network, for arrays.
        """
        for word in self.words:
            paths = _piped(self.pipe) if word == PIPE else _matching(word)
            for path in paths:
                yield from self._images_at(path, image_shape)

    def _paths(self) -> Iterable[str]:
        return (path for word in self.words if word != PIPE for path in _matching(word))

    def _count(self, path) -> int:
        if os.path.isdir(path):
            return sum(1 for _ in _pictures_in(path))
        if not _holds_arrays(path):
            return 1
        try:
            return len(ImageArray(path, self.array))
        except DataError:
            return 1

    def _images_at(self, path, image_shape) -> Iterator[FoundImage]:
        if os.path.isdir(path):
            for picture in _pictures_in(path):
                yield FoundImage(picture, functools.partial(read_picture, picture))
        elif _holds_arrays(path):
            try:
                rows = ImageArray(path, self.array).read(image_shape, self.options)
                for number, image in enumerate(rows):
                    yield FoundImage(f"{path}[{number}]", lambda image=image: image)
            except DataError as error:
                yield FoundImage(path, functools.partial(_raise, error))
        else:
            yield FoundImage(path, functools.partial(read_picture, path))


def _holds_arrays(path) -> bool:
    return Path(path).suffix in SUFFIXES and os.path.isfile(path)


def _matching(word: str) -> list[str]:
    """The path that a word is, or the paths that match it where it is a pattern."""
    if os.path.exists(word) or not glob.has_magic(word):
        return [word]
    found = sorted(glob.glob(word, recursive=True))
    if not found:
        raise ConfigError(f"IMAGES: no file matches the pattern {word!r}; check the path")
    return found


def _pictures_in(folder) -> Iterator[str]:
    """The pictures in a folder and in those within, by their endings, in the order of names."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(PICTURE_SUFFIXES):
                yield os.path.join(where, name)


def _piped(stream) -> Iterator[str]:
    """The paths that come from a pipe, as they come."""
    rest, end = b"", None
    while piece := stream.read1(_PIPE_BYTES):
        if end is None:  # no path has a zero byte in it
            end = b"\0" if b"\0" in piece else b"\n"
        *paths, rest = (rest + piece).split(end)
        yield from (os.fsdecode(path) for path in paths if path)
    if rest:
        yield os.fsdecode(rest)


def _raise(error) -> NoReturn:
    raise error
