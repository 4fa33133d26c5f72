"""Stragglers: the machines that a step waits for, and by how much on average.

With m measured step times x(1) <= ... <= x(m) as the distribution of one machine's step, and n
machines that are slow independently of each other, the largest of n draws is at most x(i) with
probability (i/m)^n, so its expectation is (David and Nagaraja, "Order statistics", 2003, ch. 3)

    E[max of n] = sum over i of x(i) ((i/m)^n - ((i - 1)/m)^n)

All machines wait for each other in every step, so an epoch of k steps takes k E[max of n]: the
expectation of a sum of maxima, whether steps are independent of each other or not.  Nothing slower
than the slowest of the m steps can come out, which is too kind to thousands of machines.
"""

from collections.abc import Sequence

from caps_hvd.errors import ConfigError


def expected_maximum(samples: Sequence[float], draws: int) -> float:
    """Returns the expectation of the largest of `draws` independent draws from measured samples.

    Args:
        samples: at least one, in any order.
        draws: 1 or more; 1 gives the mean.

    Raises:
        ConfigError: no samples, or no draws.

    Example:
        >>> expected_maximum([1.0, 3.0], 2)  # 1 with probability 1/4, else 3
        2.5
    """
    if not samples or draws < 1:
        raise ConfigError(
            f"stragglers: expected at least one sample and one draw, received {len(samples)} "
            f"and {draws}"
        )
    count = len(samples)
    return sum(
        value * ((place / count) ** draws - ((place - 1) / count) ** draws)
        for place, value in enumerate(sorted(samples), start=1)
    )
