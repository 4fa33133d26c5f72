"""The data set of a run, or another in its place, without the run's model; needs no Keras."""

import dataclasses
from collections.abc import Iterator

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset, Split
from caps_hvd.data.split import unit_range
from caps_hvd.errors import ConfigError
from caps_hvd.inspection.image_sources import FoundImage
from caps_hvd.training.build import load_dataset
from caps_hvd.training.run_directory import RunDirectory, read_config

PARTS = ("test", "validation", "train")
_ROWS = 100  # of a part that are in memory at a time

# Options that say something of one data set, and nothing of another.
_OF_THE_DATA_SET = (
    "rotation_degrees", "train_samples", "test_samples", "image_shape", "image_layout",
    "pixel_range", "first_label", "array_names", "validation_fraction", "monitor", "patience",
    "min_delta",
)  # fmt: skip


def with_overrides(config: TrainConfig, overrides: dict) -> TrainConfig:
    """The configuration of a run with other values, such as another data set's."""
    if overrides.get("dataset", config.dataset) != config.dataset:
        overrides = {name: getattr(TrainConfig, name) for name in _OF_THE_DATA_SET} | overrides
    return dataclasses.replace(config, **overrides)


def part_of(dataset: Dataset, part: str) -> Split:
    """A part of a data set by its name, one of `PARTS`.

    Raises:
        ConfigError: the data set has no validation part.
    """
    split = getattr(dataset, part)
    if split is None:
        raise ConfigError(
            "--part: expected test, since the run has no validation part of this data set, "
            "received 'validation'; leave --part out, or train with --validation-fraction"
        )
    return split


def check_fits(dataset: Dataset, image_shape, classes: int) -> None:
    """Refuses a data set that does not fit a network.

    Args:
        dataset: with any images.
        image_shape: (height, width, channels) that the network was trained with.
        classes: number of classes that it was trained with.

    Raises:
        ConfigError: the images are of another shape, or the classes are more or fewer.
    """
    expected = (tuple(image_shape), classes)
    received = (tuple(dataset.image_shape), dataset.classes)
    fewer = received[1] < expected[1] and dataset.reading
    if expected != received:
        raise ConfigError(
            f"dataset: expected images of {_times(expected[0])} in {expected[1]} classes, which "
            f"the run was trained on, received {_times(received[0])} in {received[1]}"
            + ("; --first-label 0 counts labels that no image has" if fewer else "")
        )


def _times(shape) -> str:
    return " x ".join(map(str, shape))


class PartImages:
    """The images of a part of a run's data set, with their classes.

    An image has the name that the data set has for it, such as its path, else one by its number
    in the part: `test[12]`.

    Args:
        run: run directory.
        part: one of `PARTS`.
        overrides: values of the configuration that count instead of the run's.

    Raises:
        ConfigError: the folder is not a run directory, or there is no such part.
        DataError: the data set cannot be read.
    """

    words = ()  # of the command line

    def __init__(self, run, part: str, overrides: dict):
        config = read_config(RunDirectory.at(run))
        self.dataset, self.part = load_dataset(with_overrides(config, overrides)), part
        self._split = part_of(self.dataset, part)

    def count(self) -> int:
        """Number of images."""
        return len(self._split)

    def images(self, image_shape) -> Iterator[FoundImage]:
        """Yields the images in their order, some at a time in memory.

        Args:
            image_shape: (height, width, channels) of the network, which is the data set's.
        """
        number, names = 0, self._split.names
        for images, labels in self._split.blocks(_ROWS):
            values = images if images.dtype == "uint8" else unit_range(images)
            for image, label in zip(values, labels, strict=True):
                yield FoundImage(
                    f"{self.part}[{number}]" if names is None else str(names[number]),
                    lambda image=image: image,
                    self.dataset.class_names[label],
                )
                number += 1
