"""The validation part: some of the training images, by which a run is chosen."""

import numpy as np

from caps_hvd.data.split import Split
from caps_hvd.data.stratified import stratified_split
from caps_hvd.errors import ConfigError


def hold_out(split: Split, fraction: float, seed: int, class_names) -> tuple[Split, Split]:
    """Returns a training set without its validation part, and that part.

    The choice depends on the labels, the fraction and the seed alone, and so is the same on every
    rank and on every day.

    Args:
        split: the training set.
        fraction: of each class, above 0 and below 1.
        seed: 0 or more.
        class_names: one for each class.

    Raises:
        ConfigError: a class has one image only, which cannot be on both sides.
    """
    classes, counts = np.unique(split.labels, return_counts=True)
    alone = [class_names[label] for label in classes[counts == 1]]
    if alone:
        more = f" and {len(alone) - 1} others" if len(alone) > 1 else ""
        raise ConfigError(
            "validation_fraction: expected two training images or more of each class, one to train "
            f"on and one to hold out, found one of the class {alone[0]}{more}; add images, remove "
            "the class, or take --validation-fraction 0"
        )
    kept, held_out = stratified_split(split.labels, fraction, seed, "validation_fraction")
    return split.select(kept), split.select(held_out)
