"""Data sets by name: found, loaded, listed, and converted to HDF5.

A data set is looked for in the data folder (`data_dir`, else `$CAPS_HVD_DATA_DIR`), then in
Keras's cache, in each in the order of its `places`; what is found first is read.  Where
nothing is found it is fetched as Keras would fetch it.  `digits` comes with scikit-learn.
"""

from dataclasses import dataclass
from pathlib import Path

from caps_hvd.data.augmentation import rotate
from caps_hvd.data.download import cache_folder, download
from caps_hvd.data.known import (
    DATA_DIR_VARIABLE,
    DIGIT_NAMES,
    KNOWN,
    ROTATED,
    check_name,
    data_folder,
    is_path,
    names,
)
from caps_hvd.data.readers import FORMATS
from caps_hvd.data.readers.digits import read_digits
from caps_hvd.data.readers.hdf5 import read_class_names, read_hdf5, write_hdf5
from caps_hvd.data.split import ArraySplit, Split, limit
from caps_hvd.errors import ConfigError, DataError


@dataclass(frozen=True)
class Dataset:
    """A data set: its name, its two splits and the names of its classes.

    Attributes:
        name: such as `"mnist"`.
        train, test: its two splits.
        classes: number of classes; labels are 0 to `classes - 1`.
        class_names: one for each class.
        image_shape: `(height, width, channels)`.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.train.image_shape


@dataclass(frozen=True)
class Found:
    """Where a data set lies: its name, the format, and the file or folder (None: embedded)."""

    name: str
    format: str
    path: Path | None


def load(
    name: str,
    data_dir=None,
    *,
    rotation_degrees: float = 0.0,
    train_samples: int | None = None,
    test_samples: int | None = None,
) -> Dataset:
    """Loads a data set.

    Args:
        name: one of `names()`, the path of an HDF5 file that ends in `.h5` or `.hdf5`, or the name
            of one in the data folder without `.h5`.
        data_dir: the folder to look in first. Default: `$CAPS_HVD_DATA_DIR`.
        rotation_degrees: angle by which the test images of `rotated_mnist` are rotated
            counter-clockwise, in degrees, -360 to 360; training images stay as they are.
            Default 0.
        train_samples, test_samples: keep the first that many rows. Default: all.

    Returns:
        The data set. Images in HDF5 are read when they are asked for, others now.

    Raises:
        ConfigError: an unknown name, or an option out of its range.
        DataError: the data set is not found, or its file is not what it should be.

    Example:

    ```python
    mnist = load("mnist", train_samples=6000)
    images, labels = mnist.train.take([0, 1, 2])  # uint8 (3, 28, 28, 1), int32 (3,)
    ```
    """
    if rotation_degrees and name != ROTATED:
        raise ConfigError(
            f"rotation_degrees: expected 0 for the data set {name!r}, received "
            f"{rotation_degrees}; only {ROTATED} is rotated"
        )
    if not -360 <= rotation_degrees <= 360:
        raise ConfigError(
            f"rotation_degrees: expected -360 to 360 degrees, received {rotation_degrees}"
        )
    name, (train, test), class_names = _open(name, data_dir)
    train = limit(train, train_samples, "train_samples")
    test = limit(test, test_samples, "test_samples")
    if rotation_degrees:
        images, labels = next(test.blocks(len(test)))
        test = ArraySplit(rotate(images, rotation_degrees), labels)
    return Dataset(name, train, test, class_names)


def available(data_dir=None) -> list[Found]:
    """Returns the data sets that can be loaded without a network.

    Only looks which files are there, and reads none of them.

    Args:
        data_dir: as for `load`.
    """
    folder = _folder(data_dir)
    found = [Found("digits", "embedded", None)]
    found += [place for name in KNOWN if (place := _find(name, folder))]
    found += [Found(ROTATED, place.format, place.path) for place in found if place.name == "mnist"]
    if folder is not None:
        found += [
            Found(path.stem, "hdf5", path)
            for path in sorted(folder.glob("*.h5"))
            if path.stem not in names()
        ]
    return found


def convert(
    name: str,
    data_dir,
    path,
    *,
    rotation_degrees: float = 0.0,
    compression: str | None = None,
) -> Dataset:
    """Writes a data set as an HDF5 file, whole or not at all, and returns it opened from there.

    Args:
        name, data_dir, rotation_degrees: as for `load`.
        path: the file to write, ending in `.h5`; one that is there is replaced.
        compression: None (default), `"gzip"` or `"lzf"`. Compressed rows are several times
            slower to read.

    Raises:
        ConfigError: as `load`, or `path` does not end in `.h5`.
        DataError: as `load`, or the file cannot be written.
    """
    if Path(path).suffix != ".h5":
        raise ConfigError(f"path: expected a file name that ends in .h5, received {str(path)!r}")
    dataset = load(name, data_dir, rotation_degrees=rotation_degrees)
    splits = (dataset.train, dataset.test)
    write_hdf5(path, dataset.name, splits, dataset.class_names, compression=compression)
    return Dataset(dataset.name, *read_hdf5(path), read_class_names(path))


def _folder(data_dir) -> Path | None:
    folder = data_folder(data_dir)
    if folder is not None and not folder.is_dir():
        origin = "data_dir" if data_dir else DATA_DIR_VARIABLE
        raise ConfigError(f"{origin}: expected a folder that exists, received {str(folder)!r}")
    return folder


def _open(name: str, data_dir):
    """Returns `(name, (train, test), class names)`."""
    if name == "digits":
        return name, read_digits(), DIGIT_NAMES
    folder = _folder(data_dir)
    base = "mnist" if name == ROTATED else name
    if base in KNOWN:
        known = KNOWN[base]
        place = _find(base, folder) or _download(base, folder)
        read = FORMATS[place.format].read
        splits = read(place.path, known.image_shape, len(known.class_names))
        return name, splits, known.class_names
    path = _hdf5_path(name, folder)
    return path.stem, read_hdf5(path), read_class_names(path)


def _hdf5_path(name: str, folder: Path | None) -> Path:
    check_name(name, folder)
    if not is_path(name):
        return folder / f"{name}.h5"
    if not Path(name).is_file():
        raise DataError(f"{name}: expected an HDF5 file, there is none; check the path")
    return Path(name)


def _find(name: str, folder: Path | None) -> Found | None:
    for root in (folder, cache_folder()):
        for format, place in KNOWN[name].places if root is not None else ():
            if FORMATS[format].is_there(root / place):
                return Found(name, format, root / place)
    return None


def _download(name: str, folder: Path | None) -> Found:
    try:
        download(name)
    except DataError as error:
        looked = " and ".join(str(root) for root in (folder, cache_folder()) if root is not None)
        files = ", ".join(place for _, place in KNOWN[name].places if place != ".")
        raise DataError(
            f"dataset: {name!r} found in none of its forms ({files}) in {looked}, and cannot be "
            f"fetched ({error}); put one of these there and set {DATA_DIR_VARIABLE} or --data-dir "
            "to its folder"
        ) from error
    return _find(name, folder)
