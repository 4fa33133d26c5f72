"""Lower bounds on the longest load of a plan."""

import heapq
import itertools
import math
from collections.abc import Sequence

# What rounding may add to a quotient of floats.
EPSILON = 1e-9


def lower_bound(costs: Sequence[float], speeds: Sequence[float]) -> float:
    """Returns a lower bound on the longest load of any plan, in seconds; memory is no limit to it.

    The largest of these, with costs c and speeds s from large to small:

        all lanes on all devices        sum of c / sum of s
        k lanes on k devices            sum of the first k of c / sum of the first k of s
        j lanes as small as the jth     the least T with sum_d floor(T s_d / c_j) >= j

    The first two are those of Horvath, Lam and Sethi, "A level algorithm for preemptive
    scheduling", JACM 24(1), 1977. The third is a pigeonhole's: for m equal devices and j = m + 1 it
    is twice the (m + 1)th lane. Where all costs are multiples of a unit it holds for the units as
    well, which is what closes the gap for the published cost, an integer.

    Args:
        costs: seconds of each lane on a device of speed 1.
        speeds: of the devices.

    Example:
        >>> lower_bound([3, 3, 3, 3, 3], [1, 1, 1, 1])
        6.0
    """
    largest, fastest = sorted(costs, reverse=True), sorted(speeds, reverse=True)
    work = list(itertools.accumulate(largest))
    speed = list(itertools.accumulate(fastest))
    some = max(work[k] / speed[k] for k in range(min(len(costs), len(speeds))))
    bounds = [some, work[-1] / speed[-1]]
    bounds += [_of_equal(cost, j, speeds) for j, cost in enumerate(largest, start=1)]
    if (unit := common_unit(costs)) is not None:
        bounds.append(_of_equal(unit, round(work[-1] / unit), speeds))
    return max(bounds)


def common_unit(costs: Sequence[float]) -> int | None:
    """The largest integer that divides all costs, or None where they are no integers.

    Example:
        >>> common_unit([8, 12.0, 20])
        4
    """
    if not all(float(cost).is_integer() for cost in costs):
        return None
    return math.gcd(*map(int, costs)) or None


def whole(quotient: float) -> int:
    """The integer part of a quotient of floats that may have lost its last digits."""
    return math.floor(quotient * (1 + EPSILON))


def _of_equal(size, count, speeds) -> float:
    """Seconds that `count` lanes of one size need on all devices at least."""
    even = size * count / sum(speeds)
    counts = [whole(even * speed / size) for speed in speeds]
    # What is left, fewer lanes than devices, goes one by one to where it is done first.
    done = [(size * (have + 1) / speed, speed) for have, speed in zip(counts, speeds, strict=True)]
    heapq.heapify(done)
    last = even
    for _ in range(count - sum(counts)):
        last, speed = done[0]
        heapq.heapreplace(done, (last + size / speed, speed))
    return last
