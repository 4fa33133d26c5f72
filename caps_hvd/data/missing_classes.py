"""Classes that a network is trained on, and of which a part of the data set has no image."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from caps_hvd.data.datasets import Dataset

_MANY = 5  # names of classes in a line


def missing_classes(dataset: "Dataset") -> list[str]:
    """Returns a warning for each part, test or validation, that lacks a class of training."""
    parts = {"validation": dataset.validation, "test": dataset.test}
    found = []
    for part, split in parts.items():
        missing = [] if split is None else np.setdiff1d(dataset.train.labels, split.labels)
        if len(missing):
            found.append(
                f"warning: the {part} part has no image of "
                f"{listed(dataset.class_names[each] for each in missing)}, which the network is "
                "trained on: its accuracy says nothing of that; give it images of each class"
            )
    return found


def listed(names) -> str:
    """Returns names of classes in words, of many the first ones: `the classes cat, dog and owl`."""
    names = list(names)
    if len(names) == 1:
        return f"the class {names[0]}"
    shown, last = names[:-1], names[-1]
    if len(names) > _MANY:
        shown, last = names[: _MANY - 1], f"{len(names) - _MANY + 1} others"
    return f"the classes {', '.join(shown)} and {last}"
