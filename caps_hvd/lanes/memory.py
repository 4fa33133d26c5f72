"""Upper bound on the memory that a lane takes while it trains, fitted on measured peaks.

The count of `cost.py` is what the equations need. A process needs more: the framework's code and
graph, gradients of activations, weights in the order that a library of convolutions wants, and what
the allocator keeps for later. The bound is a sum over what these grow with,

    MiB = margin * (start + layers + weights + activations + largest activations)

each times a coefficient of 0 or more. `fit` finds them.
"""

import dataclasses
import itertools
import operator
from collections.abc import Sequence

from caps_hvd.lanes.cost import network_cost
from caps_hvd.lanes.geometry import Layer, Stage, networks
from caps_hvd.lanes.lane import Lane

_MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Parts:
    """Amounts or their coefficients: a number for each part of a lane's memory.

    Args:
        start: of the first step of a process, whatever the lane.
        layers: with weights.
        weights: MiB of the weights, their gradients and Adam's two moments, by the count.
        activations: MiB of what the stages give, by the count.
        largest: MiB of what the stage gives that gives most; its gradient is there beside it.
    """

    start: float
    layers: float
    weights: float
    activations: float
    largest: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Peak:
    """A measurement: the memory that training one lane added to a process.

    Args:
        lane: that was trained.
        image_shape: (height, width, channels) of an image.
        batch_size: images of a step.
        mib: peak of the process above that of an idle one with the same imports.
    """

    lane: Lane
    image_shape: tuple[int, int, int]
    batch_size: int
    mib: float


# MiB for each, the margin included, as benchmarks/results/lane_memory.json has them.
BOUND = Parts(start=31.86, layers=1.86, weights=2.16, activations=1.18, largest=1.79)


def lane_memory_mib(
    lanes: Sequence[Lane], image_shape: tuple[int, int, int], batch_size: int, classes: int = 10
) -> tuple[float, ...]:
    """Returns a bound on the MiB that each lane of a model takes while it trains in float32.

    Never below the peak of a process that trains this lane alone, above that of an idle one with
    the same imports, in what was measured: images of 28×28×1 in batches of 10 and 50. Other images
    and batches are extrapolated, and so is the sum over several lanes of one process, which share
    what every process needs to start.

    Args:
        lanes: of the model.
        image_shape: (height, width, channels) of an image.
        batch_size: images of a step.
        classes: dimensions of a lane's capsule. Defaults to 10.

    Raises:
        ConfigError: there is no lane, or the image does not allow one; the message names it.

    Example:
        >>> (mib,) = lane_memory_mib((Lane("mlcn2", 1),), (28, 28, 1), 10)
        >>> mib > 44  # measured
        True
    """
    return tuple(
        _sum(parts(stages, batch_size), BOUND) for stages in networks(lanes, image_shape, classes)
    )


def parts(stages: Sequence[Stage], batch_size: int) -> Parts:
    """Returns the amounts that the bound is a sum over.

    Args:
        stages: of the lane, from `geometry.stages`.
        batch_size: images of a step.
    """
    whole = network_cost(stages, batch_size)
    each = [network_cost((stage,), batch_size).activation_bytes for stage in stages]
    return Parts(
        start=1,
        layers=sum(isinstance(stage, Layer) for stage in stages),
        weights=whole.weights_bytes / _MIB,
        activations=whole.activation_bytes / _MIB,
        largest=max(each) / _MIB,
    )


def fit(peaks: Sequence[Peak]) -> tuple[Parts, float]:
    """Returns the least bound that is below none of these peaks, with a margin for others.

    Without the margin it is a linear programme: the least sum of relative excesses, none of them
    below 0. The margin is taken from the same peaks: every two sizes, of a width and a depth each,
    are left out in turn, and the margin makes up for the peak that the bound of the others is under
    by most.

    Args:
        peaks: of several widths and depths.

    Returns:
        The coefficients, margin included, and the margin, 1 or more.
    """
    coefficients = _least_bound(peaks)
    shortfalls = [1.0]
    for left_out in itertools.combinations(sorted({_size(peak) for peak in peaks}), 2):
        seen = _least_bound([peak for peak in peaks if _size(peak) not in left_out])
        shortfalls += [
            peak.mib / bound_mib(peak, seen) for peak in peaks if _size(peak) in left_out
        ]
    margin = max(shortfalls)
    return Parts(*(margin * each for each in dataclasses.astuple(coefficients))), margin


def _size(peak) -> tuple[int, int]:
    return peak.lane.width, peak.lane.depth


def bound_mib(peak: Peak, coefficients: Parts) -> float:
    """Returns the bound by some coefficients for a lane that was measured, in MiB."""
    return _sum(_parts(peak), coefficients)


def _parts(peak) -> Parts:
    (stages,) = networks((peak.lane,), peak.image_shape)
    return parts(stages, peak.batch_size)


def _least_bound(peaks) -> Parts:
    import numpy as np
    from scipy.optimize import linprog

    ratios = np.array([dataclasses.astuple(_parts(peak)) for peak in peaks])
    ratios /= np.array([peak.mib for peak in peaks])[:, None]
    found = linprog(ratios.sum(0), A_ub=-ratios, b_ub=-np.ones(len(ratios)), method="highs")
    return Parts(*found.x.tolist())


def _sum(amounts: Parts, mib: Parts) -> float:
    return sum(map(operator.mul, dataclasses.astuple(amounts), dataclasses.astuple(mib)))
