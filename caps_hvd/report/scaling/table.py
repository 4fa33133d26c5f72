"""Table of how training scales: the points of a sweep as one row per machine count.

Points that differ in nothing but the number of machines and the repetition are a group.  Within a
group, T(n) is the mean over the repetitions of the seconds per epoch on n machines, each of them a
median over the epochs of a run without the first after a start.  With the fewest machines m:

    speed-up(n) = T(m) / T(n)        efficiency(n) = speed-up(n) * m / n

A sweep on one number of machines with several numbers of ranks on them is a table of ranks instead.
"""

import dataclasses
import math
import operator
import statistics

from caps_hvd.records.axes import words
from caps_hvd.records.sweep_record import PARTS, PointResult, SweepResult
from caps_hvd.report.columns import Spread
from caps_hvd.report.sweep_table import (
    SweepTable,
    grouped,
    is_finished,
    missing_points,
    stuck_points,
)

# What a table can run over -> the axes that make no group of their own in it.
_WITHIN_GROUP = {
    "machines": {"machines", "repetition"},
    "ranks": {"machines", "repetition", "ranks_per_machine"},
}
EVALUATION = "evaluation"

# What a row takes from its points, as a `Spread` over them.
SPREADS = (
    "seconds_per_epoch",
    "first_epoch_seconds",
    "images_per_second",
    "evaluation_seconds",
    "test_accuracy",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingRow:
    """What was measured on one number of machines, or of ranks.

    Args:
        count: of what the table runs over: `machines` or `ranks`.
        point: the first of its points; in all of them machines, ranks and sizes are the same.
        epochs: of the shortest repetition.
        one_epoch_only: whether a repetition had no epoch but firsts of a session, so that its
            start is part of `seconds_per_epoch`.
        seconds_per_epoch, first_epoch_seconds: of training, without evaluation.
        images_per_second: training images over all ranks.
        evaluation_seconds: of one evaluation; None where a repetition did not measure it.
        shares: part -> share of an epoch with its evaluation, they sum to 1; empty where not
            measured. `evaluation` is among them only if it was measured.
        speed_up, efficiency: against the row with the lowest count of the group; an ideal
            efficiency is 1.
        speed_up_plus_minus: from the spreads of both times, to first order.
        test_accuracy: share of the test images.
        energy_joules_per_epoch: over all machines that tell.
    """

    count: int
    point: PointResult
    repetitions: int
    epochs: int
    one_epoch_only: bool
    seconds_per_epoch: Spread
    first_epoch_seconds: Spread
    images_per_second: Spread
    evaluation_seconds: Spread | None
    shares: dict[str, float]
    speed_up: float
    speed_up_plus_minus: float | None
    efficiency: float
    test_accuracy: Spread | None
    energy_joules_per_epoch: Spread | None

    @property
    def seconds_per_epoch_plus_minus(self) -> float | None:
        return self.seconds_per_epoch.plus_minus

    @property
    def efficiency_plus_minus(self) -> float | None:
        if self.speed_up_plus_minus is None:
            return None
        return self.speed_up_plus_minus * self.efficiency / self.speed_up


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingGroup:
    """Rows that differ in nothing but their count.

    Args:
        axes: the other axes and their values.
        label: those of them that differ between the groups of the sweep; empty for a single group.
        rows: by count.
    """

    axes: dict
    label: str
    rows: tuple[ScalingRow, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingTable(SweepTable):
    """A sweep as a table, and what is not in it.

    Args:
        across: what its rows count, machines or ranks.
        groups: of its rows.
        finished: number of points in it.
    """

    across: str
    groups: tuple[ScalingGroup, ...]
    finished: int

    @property
    def rows(self) -> list[ScalingRow]:
        """The rows of all groups."""
        return [row for group in self.groups for row in group.rows]

    @property
    def epoch_images(self) -> set[int | None]:
        """The sizes of the epochs in the table; one, unless an axis changes it."""
        return {row.point.train_samples for row in self.rows}


def tabulate(sweep: SweepResult) -> ScalingTable:
    """The scaling table of a sweep.

    Args:
        sweep: as `sweep_record.read` gives it.

    Raises:
        RunError: no point is finished.
    """
    remedy = "; `caps-hvd sweep` on its definition goes on with them"
    missing = missing_points(sweep, remedy)
    finished = [point for point in sweep.points if is_finished(point)]
    one_machine_count = len({point.machines for point in finished}) == 1
    several_ranks = len({point.ranks for point in finished}) > 1
    across = "ranks" if one_machine_count and several_ranks else "machines"
    groups = grouped(finished, _WITHIN_GROUP[across])
    every_axes = [axes for axes, _ in groups]
    return ScalingTable(
        name=sweep.name,
        created_utc=sweep.created_utc,
        missing=missing,
        stuck=stuck_points(sweep),
        across=across,
        groups=tuple(
            ScalingGroup(axes=axes, label=_label(axes, every_axes), rows=_rows(points, across))
            for axes, points in groups
        ),
        finished=len(finished),
    )


def epoch_shares(point: PointResult) -> dict[str, float]:
    """Part -> share of the steady epochs with their evaluations; empty where not measured."""
    steady = point.steady_epochs
    parts = {part: [getattr(epoch, f"{part}_seconds") for epoch in steady] for part in PARTS}
    if any(None in times for times in parts.values()):
        return {}
    evaluations = [epoch.evaluation_seconds for epoch in steady]
    if any(each is not None for each in evaluations):
        parts[EVALUATION] = [each or 0.0 for each in evaluations]
    total = sum(map(sum, parts.values()))
    return {part: sum(times) / total for part, times in parts.items()} if total > 0 else {}


def _label(mine, axes) -> str:
    differing = [name for name in mine if any(each.get(name) != mine[name] for each in axes)]
    return ", ".join(f"{words(name)} {mine[name]}" for name in differing)


def _rows(points, across) -> tuple[ScalingRow, ...]:
    by_count: dict[int, list[PointResult]] = {}
    for point in points:
        by_count.setdefault(getattr(point, across), []).append(point)
    fewest = min(by_count)
    base = _spread(by_count[fewest], lambda point: point.seconds_per_epoch)
    return tuple(_row(count, by_count[count], fewest, base) for count in sorted(by_count))


def _row(count, points, fewest, base) -> ScalingRow:
    spreads = {name: _spread(points, operator.attrgetter(name)) for name in SPREADS}
    seconds = spreads["seconds_per_epoch"]
    speed_up = base.mean / seconds.mean
    shares = [epoch_shares(point) for point in points]
    parts = shares[0] if all(each.keys() == shares[0].keys() for each in shares) else ()
    return ScalingRow(
        count=count,
        point=points[0],
        repetitions=len(points),
        epochs=min(len(point.epochs) for point in points),
        one_epoch_only=any(
            all(epoch.first_of_session for epoch in point.epochs) for point in points
        ),
        shares={part: statistics.fmean(each[part] for each in shares) for part in parts},
        speed_up=speed_up,
        speed_up_plus_minus=None if count == fewest else _of_quotient(speed_up, base, seconds),
        efficiency=speed_up * fewest / count,
        energy_joules_per_epoch=_spread(points, _energy_per_epoch),
        **spreads,
    )


def _energy_per_epoch(point) -> float | None:
    return None if point.energy_joules is None else point.energy_joules / len(point.epochs)


def _spread(points, quantity) -> Spread | None:
    values = tuple(quantity(point) for point in points)
    return None if None in values else Spread(values)


def _of_quotient(quotient, *spreads) -> float | None:
    """Relative spreads of the two times add up in squares."""
    relative = [
        spread.plus_minus / spread.mean for spread in spreads if spread.plus_minus is not None
    ]
    return quotient * math.hypot(*relative) if relative else None
