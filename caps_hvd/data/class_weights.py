r"""Weights of classes, for training on classes of unequal size.

With \( n \) images in \( K \) classes of \( n_k \), an image of class \( k \) has the weight
\( n / (K n_k) \): every class has the same sum of weights, and the mean over the images is 1 (King
and Zeng, "Logistic Regression in Rare Events Data", 2001; `class_weight="balanced"` of
scikit-learn).
"""

import numpy as np

from caps_hvd.data.split import Split


def balanced_class_weights(split: Split, classes: int) -> np.ndarray:
    """Returns the weight of each class that makes all classes count alike.

    Args:
        split: the whole training set, so that the weights are the same on every rank.
        classes: number of classes; one without images has the weight 0 and does not count among K.

    Returns:
        float32 of shape (classes,).
    """
    images = class_counts(split, classes)
    there = images > 0
    weights = np.zeros(classes, np.float32)
    weights[there] = len(split) / (np.count_nonzero(there) * images[there])
    return weights


def class_counts(split: Split, classes: int) -> np.ndarray:
    """Returns the number of images of each class, int64 of shape (classes,)."""
    labels = getattr(split, "labels", None)  # in memory, where images need not be read for them
    blocks = [labels] if labels is not None else (block for _, block in split.blocks())
    return sum(np.bincount(block, minlength=classes) for block in blocks)
