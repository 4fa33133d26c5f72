"""Readers of data set files, one file for each format, and the table `FORMATS` of them.

A new format is a file in this folder with the two functions of a `Format`, and a line in `FORMATS`;
`places` in `caps_hvd.data.known` then says which data set may lie where in this format.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from caps_hvd.data.readers.cifar import is_there, read_binary, read_python
from caps_hvd.data.readers.hdf5 import read_hdf5
from caps_hvd.data.readers.idx import find_idx, read_idx
from caps_hvd.data.readers.npz import read_npz
from caps_hvd.data.split import Split


@dataclass(frozen=True)
class Format:
    """A format of data set files.

    Attributes:
        is_there: path -> whether a file or folder in this format lies there; reads nothing.
        read: (path, image shape (H, W, C), number of classes) -> the splits (train, test). Raises a
            `DataError` for a file that is not as it should be; `checks` has what readers share.
    """

    is_there: Callable[[Path], bool]
    read: Callable[[Path, tuple[int, int, int], int], tuple[Split, Split]]


FORMATS = {
    "hdf5": Format(Path.is_file, read_hdf5),
    "npz": Format(Path.is_file, read_npz),
    "idx": Format(lambda path: bool(find_idx(path)), read_idx),
    "cifar-binary": Format(partial(is_there, suffix=".bin"), read_binary),
    "cifar-python": Format(is_there, read_python),
}
