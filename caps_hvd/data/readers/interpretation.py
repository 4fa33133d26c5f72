"""From a file of arrays to a data set: which array is what, and how its values are read."""

import itertools
from dataclasses import dataclass

import numpy as np

from caps_hvd.data.readers.array_file import ArrayFile
from caps_hvd.data.readers.array_names import find_roles, names_of_classes, names_the_images
from caps_hvd.data.readers.labels import read_class_names, read_labels, texts
from caps_hvd.data.readers.pixels import Axes, Pixels, ValueRange, find_axes, find_range
from caps_hvd.data.split import Split
from caps_hvd.data.stratified import stratified_split
from caps_hvd.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a user says of a file where it has two meanings; the defaults read what has one.

    Args:
        image_shape: (height, width, channels) of flattened images. Default: the file's.
        image_layout: "channels-last", "channels-first" or "auto".
        pixel_range: values that are black and white. Default: found out.
        first_label: number of the first class, "0", "1" or "auto".
        array_names: of images and labels, those for training first, then those for testing and
            those for validation; two, four or six. Default: found by their usual names.
        test_fraction: share that is held out for testing where the file has no test part,
            above 0 and below 1.
        validation_fraction: share that is held out for validation where the file has no such
            part, 0 or more and below 1; at 0 there is no validation, and the file's part for it
            is left alone.
        seed: of these choices, 0 or more.
    """

    image_shape: tuple[int, int, int] | None = None
    image_layout: str = "auto"
    pixel_range: tuple[float, float] | None = None
    first_label: str = "auto"
    array_names: tuple[str, ...] | None = None
    test_fraction: float = 0.2
    validation_fraction: float = 0.0
    seed: int = 0

    def __post_init__(self):
        if self.array_names is not None and len(self.array_names) not in (2, 4, 6):
            raise ConfigError(
                "array_names: expected two names, IMAGES,LABELS, four with TEST_IMAGES,TEST_LABELS "
                "or six with VALIDATION_IMAGES,VALIDATION_LABELS, received "
                f"{len(self.array_names)}"
            )


@dataclass(frozen=True)
class Contents:
    """What a file holds: its splits, the names of the classes, and how it was read."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    reading: str = ""
    validation: Split | None = None


def interpret(
    file: ArrayFile, options: ReadOptions, image_shape=None, class_names=None
) -> Contents:
    """Returns the data set that a file holds.

    Args:
        file: opened.
        options: of the user.
        image_shape: `(H, W, C)` that the images must have, None for any.
        class_names: of a known data set, whose labels are numbers from 0; None for the file's own.

    Raises:
        DataError: the file holds no data set, or one that can be read in several ways.
    """
    where, names = str(file.path), _class_names(file)
    arrays = {name: array for name, array in file.arrays.items() if array.shape}
    roles = find_roles(
        where,
        [name for name in arrays if name not in names],
        options.array_names,
        validation=options.validation_fraction > 0,
    )
    parts = {"train": roles.train, "test": roles.test, "validation": roles.validation}
    parts = {part: pair for part, pair in parts.items() if pair is not None}
    pairs = [(arrays[images], arrays[labels]) for images, labels in parts.values()]
    for array in (each for pair in pairs for each in pair):
        array.check()
    axes = _axes(pairs, image_shape or options.image_shape, options.image_layout)
    labels = read_labels(
        [labels for _, labels in pairs],
        [images.shape[0] for images, _ in pairs],
        class_names or next(iter(names.values()), None),
        options.first_label if class_names is None else "0",
    )
    ranges = _ranges([images for images, _ in pairs], options.pixel_range)
    splits = {
        part: images.split(_pixels(axis, values), numbers)
        for part, (images, _), axis, values, numbers in zip(
            parts, pairs, axes, ranges, labels.parts, strict=True
        )
    }
    for part, (images, _) in zip(parts, pairs, strict=True):
        splits[part].names = _names_of(images, arrays.values())
    held_out = ""
    if "test" not in splits:
        splits["train"], splits["test"] = stratified(splits["train"], labels.parts[0], options)
        held_out = (
            f"no test part, so {len(splits['test']):,} images, {options.test_fraction:.0%} of each "
            f"class, are held out for testing by seed {options.seed} (--test-fraction)"
        )
    about = [each.remark for each in (*(images for images, _ in pairs), *axes, *ranges)]
    remarks = [roles.remark, *dict.fromkeys(about), labels.remark, held_out]
    reading = "; ".join(filter(None, remarks))
    return Contents(class_names=labels.class_names, reading=reading, **splits)


def stratified(split: Split, labels, options: ReadOptions) -> tuple[Split, Split]:
    """The split without its share for testing, and that share."""
    kept, held_out = stratified_split(labels, options.test_fraction, options.seed)
    return split.select(kept), split.select(held_out)


def _names_of(images, arrays) -> np.ndarray | None:
    """The names of the images in an array, where one array of texts has one for each."""
    found = [
        array
        for array in arrays
        if array.is_text
        and array.shape == images.shape[:1]
        and names_the_images(array.name, images.name)
    ]
    return texts(found[0].where, found[0].read()) if len(found) == 1 else None


def _class_names(file: ArrayFile) -> dict[str, tuple[str, ...]]:
    """The names of classes that a file tells, by the attribute or array that tells them."""
    names = {
        name: read_class_names(f"{file.path}: {name}", value)
        for name, value in file.attributes.items()
        if names_of_classes(name)
    }
    for name, array in file.arrays.items():
        if names_of_classes(name) and array.is_text:
            names[name] = read_class_names(array.where, array.read())
    if len(set(names.values())) > 1:
        raise DataError(f"{file.path}: {' and '.join(names)} name the classes differently")
    return names


def _axes(pairs, image_shape, layout) -> list[Axes]:
    """Of each part; all must have images of the same shape."""
    found = []
    for images, labels in pairs:
        if labels.shape[:1] != images.shape[:1] and images.shape[-1:] == labels.shape[:1]:
            raise DataError(
                f"{images.where} has the shape {images.shape}, and there are {labels.shape[0]} "
                "labels: its last axis is the samples; store it with that axis first"
            )
        found.append(find_axes(images.where, images.shape, image_shape, layout))
        image_shape = found[0].image_shape
    return found


def _ranges(images, given) -> list[ValueRange]:
    """Of each part; parts of one type have one range, found from all of their values."""
    if len({array.dtype for array in images}) > 1:
        return [find_range(each.where, each.dtype, each.blocks(), given) for each in images]
    where = " and ".join(dict.fromkeys(array.where for array in images))
    blocks = itertools.chain.from_iterable(array.blocks() for array in images)
    return [find_range(where, images[0].dtype, blocks, given)] * len(images)


def _pixels(axes: Axes, values: ValueRange) -> Pixels:
    return Pixels(axes.image_shape, axes.channels_first, values.low, values.high, values.eight_bit)
