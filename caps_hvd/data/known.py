"""The data sets known by name: image shape, class names, and where their files may lie."""

import os
from dataclasses import dataclass
from pathlib import Path

from caps_hvd.data.readers import SUFFIXES, holds_idx
from caps_hvd.data.readers.idx import PICTURES_FIRST
from caps_hvd.errors import ConfigError, nearest

DATA_DIR_VARIABLE = "CAPS_HVD_DATA_DIR"


@dataclass(frozen=True)
class Known:
    """A data set's images, classes and places.

    Attributes:
        image_shape: `(height, width, channels)`.
        class_names: one for each class.
        places: (format, path in the data folder), best first; formats are the keys of
            `caps_hvd.data.readers.FORMATS`. None for a data set that comes with the package.
    """

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    places: tuple[tuple[str, str], ...]


DIGIT_NAMES = tuple("0123456789")
CLOTHES_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip
OBJECT_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def _places(name: str, others: dict[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """Returns the places of a data set: one HDF5 or npz file of its name, then the others."""
    rest = ((format, path) for format, paths in others.items() for path in paths)
    return ("hdf5", f"{name}.h5"), ("npz", f"{name}.npz"), *rest


KNOWN = {
    "mnist_mini": Known((28, 28, 1), DIGIT_NAMES, ()),
    "mnist": Known(
        (28, 28, 1), DIGIT_NAMES, _places("mnist", {"idx": ("mnist", "MNIST/raw", ".")})
    ),
    "fashion_mnist": Known(
        (28, 28, 1),
        CLOTHES_NAMES,
        _places("fashion_mnist", {"idx": ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw")}),
    ),
    "cifar10": Known(
        (32, 32, 3),
        OBJECT_NAMES,
        _places(
            "cifar10",
            {
                "cifar-binary": ("cifar-10-batches-bin", "cifar-10-binary.tar.gz"),
                "cifar-python": (
                    "cifar-10-batches-py",
                    "cifar-10-batches-py-target/cifar-10-batches-py",
                    "cifar-10-python.tar.gz",
                ),
            },
        ),
    ),
}
ROTATED = "rotated_mnist"


def names() -> tuple[str, ...]:
    """Returns the names of the data sets that this package knows."""
    return ("digits", *KNOWN, ROTATED)


def data_folder(data_dir=None) -> Path | None:
    """Returns the folder of data sets: `data_dir`, else `$CAPS_HVD_DATA_DIR`, else None."""
    folder = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    return Path(folder) if folder else None


def is_path(name: str) -> bool:
    """Returns whether a data set's name is the path of a file of arrays, or of a folder."""
    return Path(name).suffix in SUFFIXES or os.sep in name or name in (".", "..")


def own_data_sets(folder: Path | None) -> dict[str, Path]:
    """Returns the data sets of the user's own in the data folder, by name; reads none of them."""
    found = {}
    for path in sorted(folder.iterdir(), reverse=True) if folder and folder.is_dir() else ():
        # HDF5 before npz before a folder: only the rows that are needed are read.
        if path.suffix in SUFFIXES or (path.is_dir() and holds_idx(path)):
            found.setdefault(path.stem if path.is_file() else path.name, []).append(path)
    order = (*SUFFIXES, "")
    return {
        name: min(paths, key=lambda path: order.index(path.suffix if path.is_file() else ""))
        for name, paths in sorted(found.items())
        if name not in names() and not name.startswith(".")
    }


def check_name(name: str, data_dir=None) -> None:
    """Refuses the name of a data set that no rank will find; reads nothing.

    A path may be of a file that only the machines have which train, so it is not judged.

    Args:
        name, data_dir: as for `caps_hvd.data.load`.

    Raises:
        ConfigError: the name is unknown, is no path, and nothing in the data folder has it.

    Example:
        >>> check_name("mnits")
        Traceback (most recent call last):
        caps_hvd.errors.ConfigError: dataset: expected one of digits, ...; did you mean 'mnist'?
    """
    if name in names() or is_path(name) or holds_idx(Path(name)):
        return
    others = own_data_sets(data_folder(data_dir))
    if name not in others and Path(name).is_dir():
        raise ConfigError(
            f"dataset: expected a folder of IDX files, found none in {name}; name a file .npz or "
            f".h5 if it holds one; {PICTURES_FIRST}"
        )
    if name not in others:
        valid = (*names(), *others)
        raise ConfigError(
            f"dataset: expected one of {', '.join(valid)}, or the path of an .h5, .hdf5 or .npz "
            f"file or of a folder of IDX files, received {name!r}{nearest(name, valid)}"
        )
