"""Test batches of one rank, for an exact evaluation that all ranks share.

Each rank takes its contiguous share of the split, in order.  The ranks run the same number of
steps with arrays of the same shape, since a collective may follow each; what pads them has weight
0, so sums over all ranks of weighted values are the sums over the split.
"""

from typing import NamedTuple

import numpy as np

from caps_hvd.data.sharding import share
from caps_hvd.data.split import Split, unit_range
from caps_hvd.errors import ConfigError


class EvaluationBatch(NamedTuple):
    """One rank's part of one step.

    Attributes:
        images: float32 `(p, H, W, C)` in [0, 1].
        labels: int32 `(p,)`.
        weights: float32 `(p,)`, 1 for a real sample and 0 for padding.
        indices: int64 `(p,)`, rows of the split.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    indices: np.ndarray


def evaluation_batches(split: Split, batch_size: int, rank: int, size: int):
    """Yields one rank's batches, `ceil(ceil(samples / size) / batch_size)` on every rank.

    There may be more ranks than samples.

    Args:
        split: to evaluate on.
        batch_size: samples per rank and step, at least 1.
        rank: this rank, 0 to `size - 1`.
        size: number of ranks.

    Yields:
        `EvaluationBatch`, padded to the same length on every rank.

    Raises:
        ConfigError: `batch_size` is below 1.

    Example:

    ```python
    right = total = 0.0
    for batch in evaluation_batches(dataset.test, 100, rank=0, size=1):
        predicted = np.argmax(model(batch.images)["scores"], axis=-1)
        right += np.sum(batch.weights * (predicted == batch.labels))
        total += np.sum(batch.weights)
    ```
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size: expected at least 1 sample per rank, received {batch_size}")
    start, stop = share(len(split), rank, size)
    longest = -(-len(split) // size)

    def batch(begin):
        rows = start + np.arange(begin, min(begin + batch_size, longest))
        weights = (rows < stop).astype(np.float32)
        rows = np.minimum(rows, max(stop, 1) - 1)
        images, labels = split.take(rows)
        return EvaluationBatch(unit_range(images), labels, weights, rows)

    return map(batch, range(0, longest, batch_size))
