"""Model of the seconds of a lane's training step, fitted on lanes that were timed.

The form is a sum over kinds of work, `seconds = sum_k c_k work_k` with `c_k >= 0`: layers, and the
operations of four kinds of convolutions, which the same processor does at very different speeds. A
convolution of one channel, as those of capsules seen as an image, has few products for each number
that it reads and writes.

The published form is a special case with one kind, `a depth width^2`: Rosario, Breternitz and
Borin, "Efficiency and scalability of multi-lane capsule networks (MLCN)", JPDC 155 (2021).
"""

import dataclasses
import itertools
import operator
import statistics
from collections.abc import Sequence

from caps_hvd.lanes import lane_times
from caps_hvd.lanes.cost import network_cost, published_cost
from caps_hvd.lanes.geometry import Convolution, Layer, PrimaryLevel, Stage, networks
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.lane_times import Kinds, LaneCalibration, LaneTime, TypeTimes

_SIZES = (1, 2, 3, 4, 5)
# Corners, edges and the middle of the square, as (width, depth): the first and the last of both are
# among them, so that the others lie between.
FITTED = tuple(itertools.product((1, 3, 5), repeat=2))
JUDGED = tuple(pair for pair in itertools.product(_SIZES, repeat=2) if pair not in FITTED)

_GFLOP = 1e9
_CONVOLUTIONS = ("head_convolutions", "first_capsules", "image_convolutions", "image_capsules")


def lane_seconds(
    lanes: Sequence[Lane],
    image_shape: tuple[int, int, int],
    batch_size: int,
    classes: int = 10,
    calibration: LaneCalibration | None = None,
) -> tuple[float, ...]:
    """Returns the seconds of a training step of each lane, alone on the device calibrated.

    Args:
        lanes: of the model.
        image_shape: (height, width, channels) of an image.
        batch_size: images of a step.
        classes: dimensions of a lane's capsule. Defaults to 10.
        calibration: of the device. Defaults to None: the one that comes with the package, by which
            lanes can be compared with each other.

    Returns:
        A number above 0 for each lane.

    Raises:
        ConfigError: there is no lane, or the image does not allow one; the message names it.
        RunError: the calibration has no lanes of a type.

    Example:
        >>> lane_seconds((Lane("mlcn2", 2), Lane("mlcn2", 4)), (28, 28, 1), 100)
        (..., ...)
    """
    given = lane_times.default() if calibration is None else calibration
    return tuple(
        _weighed(work(stages, batch_size), given.of(lane.type).coefficients)
        for lane, stages in zip(lanes, networks(lanes, image_shape, classes), strict=True)
    )


def work(stages: Sequence[Stage], batch_size: int) -> Kinds:
    """Returns the work of each kind in a step: layers, and GFLOP of a forward pass.

    Args:
        stages: of the lane, from `geometry.stages`.
        batch_size: images of the step.
    """
    flops = dict.fromkeys(_CONVOLUTIONS, 0)
    convolution, capsules = "head_convolutions", "first_capsules"
    for stage in stages:
        if isinstance(stage, Convolution):
            flops[convolution] += network_cost((stage,), batch_size).flops
        elif isinstance(stage, PrimaryLevel):
            flops[capsules] += network_cost((stage,), batch_size).flops
            convolution, capsules = "image_convolutions", "image_capsules"  # of all further levels
    return Kinds(
        layers=sum(isinstance(stage, Layer) for stage in stages),
        **{kind: count / _GFLOP for kind, count in flops.items()},
    )


def fit(
    type: str,
    timed: Sequence[LaneTime],
    image_shape: tuple[int, int, int],
    batch_size: int,
    checked: Sequence[LaneTime] = (),
) -> TypeTimes:
    """Fits both forms by non-negative least squares on relative errors.

    Relative, since lanes differ by a factor of a thousand: a hundredth of the largest would be more
    than all of the smallest.

    Args:
        type: of the lanes.
        timed: lanes and their seconds, above 0; those of `FITTED`, for a fit to be compared.
        image_shape: (height, width, channels) of an image.
        batch_size: images of a step.
        checked: lanes that are not fitted on, to be kept beside them. Defaults to none.

    Raises:
        ConfigError: the image does not allow a lane; the message names it.

    Example:
        Lanes whose seconds are 2 · depth · width² give a `published` of 2.
    """
    lanes = [Lane(type, one.width, one.depth) for one in timed]
    seconds = [one.seconds for one in timed]
    rows = [
        dataclasses.astuple(work(stages, batch_size))
        for stages in networks(tuple(lanes), image_shape)
    ]
    (published,) = _relative([(published_cost(lane),) for lane in lanes], seconds)
    return TypeTimes(
        type=type,
        coefficients=Kinds(*_relative(rows, seconds)),
        published=published,
        timed=list(timed),
        checked=list(checked),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of predictions with what was measured.

    Args:
        pearson: their correlation.
        median_error: of the relative errors, without their signs.
    """

    pearson: float
    median_error: float


def agreement(predicted: Sequence[float], measured: Sequence[float]) -> Agreement:
    """Compares predictions with measurements, two or more.

    Example:
        >>> agreement([1.0, 2.0, 3.3], [1.0, 2.0, 3.0]).median_error
        0.0
    """
    errors = [abs(one / other - 1) for one, other in zip(predicted, measured, strict=True)]
    return Agreement(
        pearson=statistics.correlation(predicted, measured),
        median_error=statistics.median(errors),
    )


def _weighed(work: Kinds, coefficients: Kinds) -> float:
    amounts, seconds = dataclasses.astuple(work), dataclasses.astuple(coefficients)
    return float(sum(map(operator.mul, amounts, seconds)))


def _relative(rows, seconds) -> list[float]:
    """Coefficients of 0 or more for which the ratios of sum and seconds are nearest to 1."""
    import numpy as np
    from scipy.optimize import nnls

    ratios = np.asarray(rows, float) / np.asarray(seconds, float)[:, None]
    return nnls(ratios, np.ones(len(ratios)))[0].tolist()
