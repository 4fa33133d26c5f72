"""The data set `digits`: 1,797 real handwritten digits, 8 x 8, that come with scikit-learn.

They are the test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin,
Kaynak 1998).  The values 0 to 16 are scaled to 0 to 255.  Of each class, every fifth image in the
original order is held out: 355 test images, 34 to 36 of each class, and 1,442 training images,
without a random number that another version of numpy could draw differently.
"""

import numpy as np

from caps_hvd.data.split import ArraySplit

_EVERY = 5


def read_digits() -> tuple[ArraySplit, ArraySplit]:
    """Returns `(train, test)` with images `(8, 8, 1)`."""
    from sklearn.datasets import load_digits  # takes a second to import

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    held_out = np.zeros(len(images), bool)
    for label in range(10):
        held_out[np.flatnonzero(digits.target == label)[_EVERY - 1 :: _EVERY]] = True
    return tuple(ArraySplit(images[rows], digits.target[rows]) for rows in (~held_out, held_out))
