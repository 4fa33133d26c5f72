"""Base class of the tables of a sweep, with the points that are in none of their rows."""

import dataclasses
import json
from collections.abc import Collection, Iterable

from caps_hvd.errors import RunError
from caps_hvd.records.sweep_record import PointResult, SweepResult

_MOST_NAMED = 12  # failed or unfinished points; the JSON file has all


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepTable:
    """A table of a sweep.

    Args:
        name: of the sweep.
        created_utc: when it was begun, in ISO 8601.
        missing: points that are not finished, failed ones included.
        stuck: finished points whose training seemed to be stuck at its end.
    """

    name: str
    created_utc: str
    missing: tuple[PointResult, ...]
    stuck: tuple[PointResult, ...] = ()

    @property
    def failed(self) -> tuple[tuple[str, str], ...]:
        """(name, error) of each point that has failed."""
        return _failures(self.missing)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Names of the other points that are not finished: they were planned or are running."""
        return tuple(point.name for point in self.missing if point.status != "failed")

    def about_missing(self) -> list[str]:
        """Notes on the points that are not in the table."""
        failed, unfinished = self.failed, self.unfinished
        notes = [f"Failed: {name}: {error}" for name, error in failed[:_MOST_NAMED]]
        if (more := len(failed) - _MOST_NAMED) > 0:
            notes.append(f"Failed as well: {more} more.")
        if unfinished:
            more = len(unfinished) - _MOST_NAMED
            names = ", ".join(unfinished[:_MOST_NAMED])
            notes.append(f"Not finished: {names}{f' and {more} more' if more > 0 else ''}.")
        return notes

    def about_stuck(self) -> list[str]:
        """Notes on the points in the table whose network has not learnt."""
        named = ", ".join(f"{point.name} ({point.state})" for point in self.stuck[:_MOST_NAMED])
        more = len(self.stuck) - _MOST_NAMED
        return [f"Stuck: {named}{f' and {more} more' if more > 0 else ''}."] if named else []


def is_finished(point: PointResult) -> bool:
    """Whether a point is finished, and has epochs to show."""
    return point.status == "finished" and bool(point.epochs)


def stuck_points(sweep: SweepResult) -> tuple[PointResult, ...]:
    """The finished points of a sweep whose training seemed to be stuck at its end."""
    return tuple(point for point in sweep.points if is_finished(point) and point.state)


def missing_points(sweep: SweepResult, remedy: str = "") -> tuple[PointResult, ...]:
    """The points of a sweep that are not finished.

    Args:
        remedy: what the error says where none has failed.

    Raises:
        RunError: none is finished.
    """
    count = len(sweep.points)
    missing = tuple(point for point in sweep.points if not is_finished(point))
    if len(missing) < count:
        return missing
    nothing = f"sweep {sweep.name}: none of its {count} points is finished"
    if failed := _failures(missing):
        name, error = failed[0]
        raise RunError(f"{nothing} and {len(failed)} failed, {name} with: {error}")
    raise RunError(f"{nothing}{remedy}")


def grouped(
    points: Iterable[PointResult], within: Collection[str]
) -> list[tuple[dict, list[PointResult]]]:
    """Points that differ in nothing but some axes, together.

    Args:
        points: of a sweep.
        within: names of these axes.

    Returns:
        The other axes and the points of each group, in the order of their first points.
    """
    groups: dict[str, tuple[dict, list]] = {}
    for point in points:
        axes = {name: value for name, value in point.axes.items() if name not in within}
        groups.setdefault(json.dumps(axes, sort_keys=True), (axes, []))[1].append(point)
    return list(groups.values())


def _failures(points) -> tuple[tuple[str, str], ...]:
    return tuple(
        (point.name, " ".join(point.error.split()) or "no reason is known")
        for point in points
        if point.status == "failed"
    )
