r"""The shares of ranks in a training set: which rank uses which samples in which step.

There is one permutation of the training set per epoch, the same on every rank.  Global step
\( s \) covers the next \( G \) of its entries, the global batch; the last step covers the
\( m \le G \) that are left.  A step's samples are split over the \( R \) ranks as evenly as
possible; mostly \( G = B R \), with \( B \) samples for each rank.  So every sample is used exactly
once per epoch, whatever the number of ranks.

Collectives need the same number of steps on every rank and the same shape is wanted, so where
\( m \) samples cannot be split evenly the ranks are padded to \( p = \lceil m / R \rceil \)
samples, with weight 0 for the padding and

\[ w = R p / m \]

for a real sample.  A rank's loss is \( \frac{1}{p} \sum_i w_i l_i \), and the average of that over
the ranks, which is what the all-reduce makes of the gradients, is \( \frac{1}{R} \sum_r
\frac{1}{p} \sum_i \frac{R p}{m} l_i = \frac{1}{m} \sum_i l_i \): exactly the mean over the
\( m \) samples.  Where the split is even, \( w = 1 \).  With fewer samples than ranks some
ranks have padding only, weight 0, and take part in every collective all the same.
"""

from typing import NamedTuple

import numpy as np

from caps_hvd.errors import ConfigError


class Shard(NamedTuple):
    """One rank's part of one global step.

    Attributes:
        start, stop: the part's entries of the epoch's permutation.
        padded: number of samples of the local arrays, the same on every rank; the last
            `padded - (stop - start)` of them are padding with weight 0.
        weight: of each real sample.
    """

    start: int
    stop: int
    padded: int
    weight: float


def epoch_permutation(samples: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order in which an epoch uses the samples; the same on every rank.

    Args:
        samples: number of samples in the training set.
        seed: of the run, 0 or more.
        epoch: 0 for the first.

    Returns:
        int64 `(samples,)`, a permutation of 0 to `samples - 1`.
    """
    return np.random.Generator(np.random.Philox([seed, epoch])).permutation(samples)


def steps_per_epoch(samples: int, global_batch: int) -> int:
    """Returns the number of global steps of an epoch; the same on every rank.

    Args:
        samples: number of samples in the training set.
        global_batch: samples per step over all ranks.

    Raises:
        ConfigError: `global_batch` is below 1.
    """
    if global_batch < 1:
        raise ConfigError(f"batch_size: expected at least 1 sample, received {global_batch}")
    return -(-samples // global_batch)


def shard(samples: int, global_batch: int, rank: int, size: int, step: int) -> Shard:
    """Returns what `rank` trains on in global step `step`.

    Args:
        samples: number of samples in the training set.
        global_batch: samples per step over all ranks.
        rank: 0 to `size - 1`.
        size: number of ranks, at most the number of samples.
        step: 0 to `steps_per_epoch(samples, global_batch) - 1`.

    Raises:
        ConfigError: an argument is out of its range.

    Example:

    ```python
    # 10 samples, 2 ranks, 6 samples per step: the second step has 4 samples left.
    shard(10, 6, rank=1, size=2, step=0)  # Shard(start=3, stop=6, padded=3, weight=1.0)
    shard(10, 6, rank=1, size=2, step=1)  # Shard(start=8, stop=10, padded=2, weight=1.0)
    ```
    """
    if size < 1:
        raise ConfigError(f"size: expected at least 1 rank, received {size}")
    if samples < size:
        raise ConfigError(
            f"size: expected at most one rank per sample, received {size} ranks for {samples} "
            "samples; start fewer ranks or use more samples"
        )
    steps = steps_per_epoch(samples, global_batch)
    if not 0 <= rank < size:
        raise ConfigError(f"rank: expected 0 to {size - 1}, received {rank}")
    if not 0 <= step < steps:
        raise ConfigError(f"step: expected 0 to {steps - 1}, received {step}")
    begin = step * global_batch
    left = min(global_batch, samples - begin)
    start, stop = share(left, rank, size)
    padded = -(-left // size)
    return Shard(begin + start, begin + stop, padded, size * padded / left)


def share(count: int, rank: int, size: int) -> tuple[int, int]:
    """Returns the `(start, stop)` of `rank`, with `count` things split evenly over `size` ranks.

    The first `count % size` ranks have one more than the others.
    """
    each, more = divmod(count, size)
    start = rank * each + min(rank, more)
    return start, start + each + (rank < more)
