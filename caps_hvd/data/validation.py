"""The validation part: some of the training images, by which a run is chosen."""

import numpy as np

from caps_hvd.data.missing_classes import listed
from caps_hvd.data.split import Split
from caps_hvd.data.stratified import stratified_split
from caps_hvd.errors import ConfigError


def hold_out(
    train: Split, test: Split, fraction: float, seed: int, class_names
) -> tuple[Split, Split]:
    """Returns a training set without its validation part, and that part.

    The choice depends on the labels, the fraction and the seed alone, and so is the same on every
    rank and on every day.

    Args:
        train: the training set.
        test: the test set, whose images stay there.
        fraction: of each class, above 0 and below 1.
        seed: 0 or more.
        class_names: one for each class.

    Raises:
        ConfigError: a class has one image only, which cannot be on both sides.
    """
    classes, counts = np.unique(train.labels, return_counts=True)
    alone = classes[counts == 1]
    if alone.size:
        for_testing = int(np.isin(test.labels, alone).sum())
        beside = f", beside {for_testing} for testing" if for_testing else ""
        names = listed([class_names[label] for label in alone])
        raise ConfigError(
            "validation_fraction: expected two training images or more of each class, one to train "
            f"on and one to hold out, found a single one of {names}{beside}; add images, remove "
            "what is so rare, or take --validation-fraction 0"
        )
    kept, held_out = stratified_split(train.labels, fraction, seed, "validation_fraction")
    return train.select(kept), train.select(held_out)
