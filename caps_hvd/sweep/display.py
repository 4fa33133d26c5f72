"""The display of a sweep: the plan, a live table on a terminal, else a line per event."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.live import Live
from rich.table import Table
from rich.text import Text

from caps_hvd.records.point_status import PointStatus
from caps_hvd.sweep.engine import PointProgress, Sweep
from caps_hvd.sweep.points import Point

_STYLES = {
    PointStatus.RUNNING: "cyan",
    PointStatus.WAITING: "cyan",
    PointStatus.FINISHED: "green",
    PointStatus.FAILED: "bold red",
}
_LIVE_ROWS = 30  # a table that is higher than the terminal cannot be redrawn in place


def plan_text(points: Sequence[Point], epochs_done: Mapping[str, int] | None = None) -> str:
    """Returns the plan as a table of plain text.

    Args:
        points: of the sweep.
        epochs_done: point -> epochs that it has behind it; None for a sweep that was not begun.
    """
    rows = [("point", "machines", "ranks", "batch per rank", "seed", "epochs", "done")]
    for point in points:
        config = point.config
        done = "" if epochs_done is None else epochs_done[point.name]
        facts = point.machines, point.ranks, config.batch_size, config.seed, config.epochs, done
        rows.append((point.name, *map(str, facts)))
    if epochs_done is None:
        rows = [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def event_line(point: Point, progress: PointProgress) -> str:
    """Returns one line for what happened to a point."""
    parts = [f"{datetime.now():%H:%M:%S}", point.name, progress.status]
    if result := progress.result:
        parts.append(
            f"{result.seconds_per_epoch:.2f} s/epoch, {result.part} {result.compared_accuracy:.2%}"
        )
    elif progress.error:
        parts.append(progress.error)
    elif progress.epochs:
        parts.append(f"from epoch {progress.epochs + 1} on")
    return "  ".join(parts)


def summary_line(sweep: Sweep) -> str:
    """Returns how far a sweep has come, and where its results are."""
    done = len(sweep.points) - len(sweep.unfinished())
    failed = f", {len(sweep.failed())} failed" if sweep.failed() else ""
    return f"{done} of {len(sweep.points)} points finished{failed}; {sweep.directory.record}"


def live_table(sweep: Sweep) -> Live:
    """Returns a table of all points that is redrawn in place, a context manager of rich."""
    return Live(_table(sweep), get_renderable=lambda: _table(sweep), auto_refresh=False)


def _table(sweep) -> Table:
    table = Table(title=f"{sweep.definition.name}: {summary_line(sweep)}", expand=False)
    table.add_column("point", overflow="fold")  # the one that gives way on a narrow terminal
    table.add_column("status", no_wrap=True, min_width=8)
    results = (sweep.progress[point.name].result for point in sweep.points)
    parts = {result.part for result in results if result} or {"test"}
    for name in ("epochs", "s/epoch", " or ".join(sorted(parts))):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("", overflow="fold")
    for point in _window(sweep):
        progress, result = sweep.progress[point.name], sweep.progress[point.name].result
        table.add_row(
            Text(point.name),
            Text(progress.status, style=_STYLES.get(progress.status, "dim")),
            f"{progress.epochs}/{point.config.epochs}",
            f"{result.seconds_per_epoch:.2f}" if result else "",
            f"{result.compared_accuracy:.2%}" if result else "",
            Text(progress.error),
        )
    return table


def _window(sweep) -> list[Point]:
    """The points to show: all, or those around the first that is not finished."""
    first = sweep.points.index(sweep.unfinished()[0]) if sweep.unfinished() else 0
    start = max(0, min(first - _LIVE_ROWS // 2, len(sweep.points) - _LIVE_ROWS))
    return sweep.points[start : start + _LIVE_ROWS]
