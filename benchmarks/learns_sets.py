"""The data sets of `benchmarks.learns`: small sets as people bring them, cut from well-known ones.

Each is an .npz file of at most 4,000 training images.  MNIST, Fashion-MNIST and CIFAR-10 are
looked for as `caps-hvd train --dataset` looks for them.
"""

import zlib
from pathlib import Path

import numpy as np

from caps_hvd import data
from caps_hvd.io.atomic import replacing

TRAIN, TEST = 4000, 2000
_CAT, _DOG = 3, 5


def _of(name, classes=None, train=TRAIN, test=TEST):
    """The first images of some classes of a data set: train and test, labels from 0."""
    whole = data.load(name)
    classes = list(range(whole.classes)) if classes is None else list(classes)
    return [
        _some(split, classes, count) for split, count in ((whole.train, train), (whole.test, test))
    ]


def _some(split, classes, count):
    images, labels = split.take(np.arange(len(split)))
    rows = np.flatnonzero(np.isin(labels, classes))[:count]
    renamed = np.searchsorted(sorted(classes), labels[rows])
    return images[rows], renamed


def _changed(parts, change):
    return [(change(images), labels) for images, labels in parts]


def _doubled(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


def _padded(images, size):
    margin = size - images.shape[1]
    sides = (margin // 2, margin - margin // 2)
    return np.pad(images, ((0, 0), sides, sides, (0, 0)))


def _halved(images):
    """Means of 2 x 2 pixels."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    return blocks.mean(axis=(2, 4)).round().astype(np.uint8)


def _pale(images):
    return (200 + images.astype(np.float32) * (55 / 255)).round().astype(np.uint8)


def _pairs():
    """Two digits side by side; the class is the number that they are."""
    parts = []
    for images, labels in _of("mnist", train=2 * TRAIN, test=2 * TEST):
        left, right = slice(0, None, 2), slice(1, None, 2)
        parts.append(
            (
                np.concatenate([images[left], images[right]], axis=2),
                10 * labels[left] + labels[right],
            )
        )
    return parts


def _digits_and_clothes():
    digits = _of("mnist", train=TRAIN // 2, test=TEST // 2)
    clothes = _of("fashion_mnist", train=TRAIN // 2, test=TEST // 2)
    parts = []
    for (images, labels), (others, names) in zip(digits, clothes, strict=True):
        order = np.random.default_rng(0).permutation(2 * len(labels))
        both = np.concatenate([images, others]), np.concatenate([labels, names + 10])
        parts.append(tuple(each[order] for each in both))
    return parts


def _imbalanced():
    """T-shirts and shirts, 95 to 5 in both parts; all images that there are of the larger class."""
    parts = []
    for (images, labels), count in zip(
        _of("fashion_mnist", (0, 6), train=None, test=None), (TRAIN, None), strict=True
    ):
        many, few = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
        if count is not None:
            many = many[: round(0.95 * count)]
        few = few[: round(len(many) * 5 / 95)]
        rows = np.random.default_rng(0).permutation(np.concatenate([many, few]))
        parts.append((images[rows], labels[rows]))
    return parts


# Name -> what makes it; the images' height, width and channels and the classes stand in the names.
SETS = {
    "digits_3_8": lambda: _of("mnist", (3, 8)),
    "digits_black_on_white": lambda: _changed(_of("mnist"), lambda images: 255 - images),
    "digits_pale": lambda: _changed(_of("mnist"), _pale),
    "digits_16px": lambda: _changed(_of("mnist"), lambda images: _padded(_halved(images), 16)),
    "digit_pairs_100": _pairs,
    "digits_clothes_20": _digits_and_clothes,
    "clothes_5_64px": lambda: _changed(
        _of("fashion_mnist", range(5)), lambda images: _padded(_doubled(images), 64)
    ),
    "shirts_95_to_5": _imbalanced,
    "cats_dogs": lambda: _of("cifar10", (_CAT, _DOG)),
    "cats_dogs_64px": lambda: _changed(_of("cifar10", (_CAT, _DOG)), _doubled),
    "cifar_3": lambda: _of("cifar10", range(3)),
    "cifar_10": lambda: _of("cifar10"),
}


def file_of(name, folder) -> Path:
    """The .npz file of a set, made where it is not there."""
    path = Path(folder, f"{name}.npz")
    if not path.exists():
        (train, labels), (test, test_labels) = SETS[name]()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file, x_train=train, y_train=labels, x_test=test, y_test=test_labels
            )
    return path


def digest(name, folder) -> str:
    """A checksum of a set's arrays, by which records of it can be told from those of another."""
    with np.load(file_of(name, folder)) as arrays:
        return f"{zlib.crc32(b''.join(arrays[key].tobytes() for key in sorted(arrays))):08x}"
