"""Readers of data set files: formats, and what is made of the arrays in them.

`npz`, `hdf5` and `idx` open files of named arrays, which `interpretation` makes a data set of;
`cifar` and `digits` read one data set each.  A new format of arrays is a file in this folder with a
function that opens it as an `ArrayFile`, and a line in `OPEN`; `places` in `caps_hvd.data.known`
says which known data set may lie where in which format.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from caps_hvd.data.readers import cifar
from caps_hvd.data.readers.array_file import ArrayFile
from caps_hvd.data.readers.hdf5 import open_hdf5
from caps_hvd.data.readers.idx import holds_idx, is_idx, open_idx
from caps_hvd.data.readers.interpretation import Contents, ReadOptions, interpret
from caps_hvd.data.readers.npz import open_npz
from caps_hvd.data.split import Split


@dataclass(frozen=True)
class Format:
    """A format of data set files.

    Attributes:
        is_there: path -> whether a file or folder in this format lies there; reads nothing.
        read: (path, image shape (H, W, C), class names) -> the splits (train, test). Raises a
            `DataError` for a file that is not as it should be; `checks` has what readers share.
    """

    is_there: Callable[[Path], bool]
    read: Callable[[Path, tuple[int, int, int], tuple[str, ...]], tuple[Split, Split]]


OPEN: dict[str, Callable[[Path], ArrayFile]] = {
    "hdf5": open_hdf5,
    "npz": open_npz,
    "idx": open_idx,
}
SUFFIXES = {".h5": "hdf5", ".hdf5": "hdf5", ".npz": "npz"}


def format_of(path: Path) -> str:
    """The format of a file of arrays, by its ending; a folder is one of IDX files."""
    return SUFFIXES.get(path.suffix, "idx")


def read_file(path, options: ReadOptions | None = None) -> Contents:
    """Reads a file of arrays in any format, as its content and the user's options say.

    Args:
        path: an .npz, .h5 or .hdf5 file, or a folder of IDX files.
        options: of the user. Default: none were given.

    Raises:
        DataError: the file is damaged, holds no data set, or one that can be read in several ways.
    """
    file = OPEN[format_of(Path(path))](path)
    return interpret(file, options or ReadOptions())


def _read_known(format: str, path, image_shape, class_names) -> tuple[Split, Split]:
    """The splits of a file that must hold a known data set."""
    contents = interpret(OPEN[format](path), ReadOptions(), image_shape, class_names)
    return contents.train, contents.test


FORMATS = {
    "hdf5": Format(Path.is_file, partial(_read_known, "hdf5")),
    "npz": Format(Path.is_file, partial(_read_known, "npz")),
    "idx": Format(is_idx, partial(_read_known, "idx")),
    "cifar-binary": Format(partial(cifar.is_there, suffix=".bin"), cifar.read_binary),
    "cifar-python": Format(cifar.is_there, cifar.read_python),
}

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Contents",
    "Format",
    "ReadOptions",
    "format_of",
    "holds_idx",
    "read_file",
]
