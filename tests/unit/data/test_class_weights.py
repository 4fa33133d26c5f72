"""Balanced weights of classes: by hand, and exact over any number of ranks."""

import numpy as np
import pytest

from caps_hvd.data.batches import Batches
from caps_hvd.data.class_weights import balanced_class_weights, class_counts
from caps_hvd.data.split import ArraySplit, Split

LABELS = np.array([0, 0, 0, 0, 0, 2, 2, 0])


class Rows(Split):
    """A split without labels in memory."""

    image_shape = (1, 1, 1)

    def __len__(self):
        return len(LABELS)

    def take(self, indices):
        return np.zeros((len(indices), 1, 1, 1), np.uint8), LABELS[indices].astype(np.int32)

    def select(self, rows):
        raise NotImplementedError


@pytest.mark.parametrize(
    "split", [ArraySplit(np.zeros((8, 1, 1, 1), np.uint8), LABELS), Rows()], ids=["array", "rows"]
)
def test_weights_by_hand(split):
    np.testing.assert_array_equal(class_counts(split, 4), [6, 0, 2, 0])
    # Two classes that there are: 8 / (2 x 6) and 8 / (2 x 2)
    weights = balanced_class_weights(split, 4)
    np.testing.assert_allclose(weights, [2 / 3, 0, 2, 0], rtol=1e-6)
    assert np.mean(weights[LABELS]) == pytest.approx(1)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_ranks_average_to_the_weighted_mean_of_the_step(size):
    """The mean over ranks of a rank's weighted mean is that over the step, padding left out."""
    split = ArraySplit(np.zeros((8, 1, 1, 1), np.uint8), LABELS)
    weights = balanced_class_weights(split, 3)
    losses = np.array([1.0, 10.0, 100.0])  # of each class
    every = [
        Batches(split, 5, rank, size, 0, shuffle=False, class_weights=weights)
        for rank in range(size)
    ]
    for step, labels in enumerate((LABELS[:5], LABELS[5:])):
        means = []
        for batches in every:
            inputs, _, sample_weights = batches.batch(0, step)
            means.append(np.mean(sample_weights * losses[inputs["label"]]))
        assert np.mean(means) == pytest.approx(np.mean(weights[labels] * losses[labels]))
