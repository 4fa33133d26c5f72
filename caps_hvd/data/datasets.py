"""Data sets by name: found, loaded, listed, and converted to HDF5.

A data set is looked for in the data folder (`data_dir`, else `$CAPS_HVD_DATA_DIR`), then in
Keras's cache, in each in the order of its `places`; what is found first is read.  Where
nothing is found it is fetched as Keras would fetch it.  `digits` comes with scikit-learn,
`mnist_mini` with this package.  A data set of one's own is a file or folder that is named by its
path, or by its name in the data folder.
"""

from dataclasses import dataclass, replace
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
    own_data_sets,
)
from caps_hvd.data.readers import FORMATS, SUFFIXES, ReadOptions, format_of, read_file
from caps_hvd.data.readers.digits import read_digits
from caps_hvd.data.readers.hdf5 import write_hdf5
from caps_hvd.data.readers.idx import PICTURES_FIRST
from caps_hvd.data.readers.mnist_mini import read_mnist_mini
from caps_hvd.data.split import ArraySplit, Split, limit
from caps_hvd.data.validation import hold_out
from caps_hvd.errors import ConfigError, DataError

EMBEDDED = {"digits": read_digits, "mnist_mini": read_mnist_mini}


@dataclass(frozen=True)
class Dataset:
    """A data set: its name, its splits and the names of its classes.

    Attributes:
        name: such as `"mnist"`.
        train, test: its two splits.
        validation: a third one, which no step is trained on; None where none was asked for.
        classes: number of classes; labels are 0 to `classes - 1`.
        class_names: one for each class.
        image_shape: `(height, width, channels)`.
        reading: how a file was read, where that does not go without saying.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    reading: str = ""
    validation: Split | None = None

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
    options: ReadOptions | None = None,
) -> Dataset:
    """Loads a data set.

    Args:
        name: one of `names()`, the path of an `.h5`, `.hdf5` or `.npz` file or of a folder of IDX
            files, or the name of one in the data folder, without its ending.
        data_dir: the folder to look in first. Default: `$CAPS_HVD_DATA_DIR`.
        rotation_degrees: angle by which the test images of `rotated_mnist` are rotated
            counter-clockwise, in degrees, -360 to 360; training images stay as they are.
            Default 0.
        train_samples, test_samples: keep the first that many rows. Default: all.
        options: how a file of one's own is read where it has several meanings, and whether there
            is a validation part: a file's own, else a share of the rows that are kept for training.
            Default: as its content says, and none.

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
    dataset = _open(name, data_dir, options)
    train = limit(dataset.train, train_samples, "train_samples")
    test = limit(dataset.test, test_samples, "test_samples")
    if rotation_degrees:
        images, labels = next(test.blocks(len(test)))
        test = ArraySplit(rotate(images, rotation_degrees), labels)
    validation, names = dataset.validation, dataset.class_names
    if options is not None and options.validation_fraction and validation is None:
        train, validation = hold_out(train, test, options.validation_fraction, options.seed, names)
    return replace(dataset, train=train, test=test, validation=validation)


def available(data_dir=None) -> list[Found]:
    """Returns the data sets that can be loaded without a network.

    Only looks which files are there, and reads none of them.

    Args:
        data_dir: as for `load`.
    """
    folder = _folder(data_dir)
    found = [Found(name, "embedded", None) for name in EMBEDDED]
    found += [place for name in KNOWN if (place := _find(name, folder))]
    found += [Found(ROTATED, place.format, place.path) for place in found if place.name == "mnist"]
    own = own_data_sets(folder).items()
    return found + [Found(name, format_of(path), path) for name, path in own]


def convert(
    name: str,
    data_dir,
    path,
    *,
    rotation_degrees: float = 0.0,
    compression: str | None = None,
    options: ReadOptions | None = None,
) -> Dataset:
    """Writes a data set as an HDF5 file, whole or not at all, and returns it opened from there.

    Args:
        name, data_dir, rotation_degrees, options: as for `load`.
        path: the file to write, ending in `.h5`; one that is there is replaced.
        compression: None (default), `"gzip"` or `"lzf"`. Compressed rows are several times
            slower to read.

    Raises:
        ConfigError: as `load`, or `path` does not end in `.h5`.
        DataError: as `load`, or the file cannot be written.
    """
    if Path(path).suffix != ".h5":
        raise ConfigError(f"path: expected a file name that ends in .h5, received {str(path)!r}")
    dataset = load(name, data_dir, rotation_degrees=rotation_degrees, options=options)
    splits = (dataset.train, dataset.test)
    write_hdf5(path, dataset.name, splits, dataset.class_names, compression=compression)
    written = read_file(path)
    return replace(dataset, train=written.train, test=written.test)


def _folder(data_dir) -> Path | None:
    folder = data_folder(data_dir)
    if folder is not None and not folder.is_dir():
        origin = "data_dir" if data_dir else DATA_DIR_VARIABLE
        raise ConfigError(f"{origin}: expected a folder that exists, received {str(folder)!r}")
    return folder


def _open(name: str, data_dir, options) -> Dataset:
    if name in EMBEDDED:
        return Dataset(name, *EMBEDDED[name](), DIGIT_NAMES)
    folder = _folder(data_dir)
    base = "mnist" if name == ROTATED else name
    if base in KNOWN:
        known = KNOWN[base]
        place = _find(base, folder) or _download(base, folder)
        read = FORMATS[place.format].read
        splits = read(place.path, known.image_shape, known.class_names)
        return Dataset(name, *splits, known.class_names)
    path = _own_path(name, folder)
    contents = read_file(path, options)
    name = path.stem if path.is_file() else path.resolve().name
    return Dataset(
        name,
        contents.train,
        contents.test,
        contents.class_names,
        contents.reading,
        contents.validation,
    )


def _own_path(name: str, folder: Path | None) -> Path:
    """Where a data set of one's own lies; a path may be relative to the data folder, too."""
    check_name(name, folder)
    own = own_data_sets(folder)
    if not is_path(name) and name in own:
        return own[name]
    for path in (Path(name), *([folder / name] if folder else [])):
        if path.is_dir() or (path.suffix in SUFFIXES and path.is_file()):
            return path
    raise DataError(
        f"{name}: expected an .h5, .hdf5 or .npz file or a folder of IDX files, "
        + (
            f"found a file of another kind; {PICTURES_FIRST}"
            if Path(name).exists()
            else "there is none; check the path"
        )
    )


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
