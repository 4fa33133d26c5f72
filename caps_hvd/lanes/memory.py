"""Memory that a lane takes while it trains: an upper bound, fitted on peaks that were measured.

The count of `cost.py` is what the equations need. A process needs more: the framework's code and
graph, gradients of activations, weights in the order that a library of convolutions wants, and what
the allocator keeps for later.
"""

import dataclasses
from collections.abc import Sequence

from caps_hvd.lanes.cost import network_cost
from caps_hvd.lanes.geometry import Layer, Stage, networks
from caps_hvd.lanes.lane import Lane

_MIB = 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """A number for each part of a lane's memory.

    Args:
        start: of the first step of a process, whatever the lane.
        layers: with weights.
        weights: MiB of the weights, their gradients and Adam's two moments, by the count.
        activations: MiB of what the stages give, by the count.
    """

    start: float
    layers: float
    weights: float
    activations: float


# MiB for each, the margin included; from `python -m benchmarks.lane_memory`.
BOUND = Parts(start=31.22, layers=1.41, weights=2.73, activations=1.57)


def lane_memory_mib(
    lanes: Sequence[Lane], image_shape: tuple[int, int, int], batch_size: int, classes: int = 10
) -> tuple[float, ...]:
    """Memory in MiB that each lane of a model takes while it trains in float32, not less.

    Never below the peak of a process that trains this lane alone, above that of an idle one with
    the same imports, in what was measured: docs/lanes.md says on what. Several lanes in one process
    share the part that every process needs, so that their sum is a bound as well.

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
    """What the bound is a sum over.

    Args:
        stages: of the lane, from `geometry.stages`.
        batch_size: images of a step.
    """
    cost = network_cost(stages, batch_size)
    return Parts(
        start=1,
        layers=sum(isinstance(stage, Layer) for stage in stages),
        weights=cost.weights_bytes / _MIB,
        activations=cost.activation_bytes / _MIB,
    )


def _sum(amounts: Parts, mib: Parts) -> float:
    pairs = zip(dataclasses.astuple(amounts), dataclasses.astuple(mib), strict=True)
    return sum(amount * each for amount, each in pairs)
