"""Readers of CIFAR-10's own files, the binary version and the python version.

Both come as six files, five of training and one of test images, in a folder or still packed as
`.tar.gz`.  An image is 3,072 bytes: the red, the green and the blue plane, each 32 x 32 in row
order.  The binary version puts one label byte before each image; the python version is a pickle
of a dictionary with `data` `(n, 3072)` and a list of `labels`.
"""

import tarfile
from pathlib import Path

import numpy as np

from caps_hvd.data.readers.checks import AGAIN, check_labels, check_size, reading
from caps_hvd.data.readers.restricted_pickle import load_plain
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import DataError

_PIXELS = 3 * 32 * 32
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"


def is_there(path: Path, suffix: str = "") -> bool:
    """Returns whether `path` is an archive, or a folder with one of the six files.

    Args:
        path: to look at.
        suffix: of the files: `.bin` for the binary version. Default none, the python version.
    """
    return path.is_file() or any((path / f"{n}{suffix}").is_file() for n in (*_TRAIN, _TEST))


def read_binary(path, image_shape, class_names) -> tuple[ArraySplit, ArraySplit]:
    """Reads both splits from the files of the binary version.

    Args:
        path: a folder with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, or the
            archive of it.
        image_shape: `(32, 32, 3)`.
        class_names: one for each label, from 0 on.

    Returns:
        `(train, test)`.

    Raises:
        DataError: a file is missing, truncated, or holds something else.
    """
    return _read(path, ".bin", _parse_binary, len(class_names))


def read_python(path, image_shape, class_names) -> tuple[ArraySplit, ArraySplit]:
    """Reads both splits from the files of the python version; see `read_binary`.

    The pickles are loaded by `restricted_pickle.load_plain`, which cannot run code.
    """
    return _read(path, "", _parse_python, len(class_names))


def _read(path, suffix: str, parse, classes: int):
    parts = []
    for name, content in _contents(Path(path), suffix):
        images, labels = parse(name, content)
        parts.append((images, check_labels(name, "the labels", labels, len(images), classes)))
        # Every file of CIFAR-10 holds equally many images, so one that was cut between two
        # images shows, too.
        if len(images) != len(parts[0][0]):
            raise DataError(
                f"{name}: expected {len(parts[0][0])} images, as in the first file, found "
                f"{len(images)}; {AGAIN}"
            )
    *train, test = parts
    return _split(train), _split([test])


def _split(parts) -> ArraySplit:
    planes = np.concatenate([images for images, _ in parts]).reshape(-1, 3, 32, 32)
    return ArraySplit(planes.transpose(0, 2, 3, 1), np.concatenate([labels for _, labels in parts]))


def _contents(path: Path, suffix: str):
    """Yields `(name, bytes)` of the five training files and the test file."""
    wanted = [f"{name}{suffix}" for name in (*_TRAIN, _TEST)]
    if path.is_dir():
        for name in wanted:
            with reading(path / name, f"one of CIFAR-10's six files, {name}"):
                content = (path / name).read_bytes()
            yield path / name, content
        return
    found = {}
    with reading(path, "the archive of CIFAR-10's six files"), tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            if name in wanted and member.isfile():
                check_size(path, name, member.size, path.stat().st_size, compressed=True)
                found[name] = archive.extractfile(member).read()
    for name in wanted:
        if name not in found:
            raise DataError(f"{path}: expected {name} in this archive, it is missing; {AGAIN}")
        yield f"{path}:{name}", found[name]


def _parse_binary(name, content: bytes):
    if not content or len(content) % (1 + _PIXELS):
        raise DataError(
            f"{name}: expected images of {1 + _PIXELS} bytes each, found {len(content)} bytes, "
            f"which is not a multiple; {AGAIN}"
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    return rows[:, 1:], rows[:, 0]


def _parse_python(name, content: bytes):
    with reading(name, "a pickle of CIFAR-10's python version"):
        batch = load_plain(content)
    if not isinstance(batch, dict):
        raise DataError(f"{name}: expected a dictionary, found {type(batch).__name__}; {AGAIN}")
    # Python 2 wrote the keys as byte strings.
    batch = {key.decode("latin1") if isinstance(key, bytes) else key: batch[key] for key in batch}
    images, labels = batch.get("data"), batch.get("labels")
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 2
        or images.shape[1] != _PIXELS
        or len(images) == 0
    ):
        found = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images)
        raise DataError(f"{name}: data must be uint8 (images, {_PIXELS}), found {found}; {AGAIN}")
    if not isinstance(labels, (list, np.ndarray)) or not all(
        isinstance(label, (int, np.integer)) for label in np.ravel(labels).tolist()
    ):
        raise DataError(f"{name}: labels must be a list of integers, found another thing; {AGAIN}")
    return images, np.asarray(labels)
