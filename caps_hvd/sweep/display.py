"""What a person sees of a sweep: the plan, a live table on a terminal, else a line per event."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from caps_hvd.sweep.engine import Status, Sweep
from caps_hvd.sweep.points import Point

_STYLES = {"running": "cyan", "waiting": "cyan", "finished": "green", "failed": "bold red"}
_LIVE_ROWS = 30  # a table that is higher than the terminal cannot be redrawn in place


def plan_text(points: Sequence[Point], epochs_done: Mapping[str, int] | None = None) -> str:
    """The plan as a table of plain text.

    Args:
        points: of the sweep.
        epochs_done: point -> epochs that it has behind it; None for a sweep that was not begun.
    """
    heads = ["point", "machines", "ranks", "batch per rank", "seed", "epochs"]
    rows = [
        [
            point.name,
            *map(str, (point.machines, point.ranks, point.config.batch_size, point.config.seed)),
            str(point.config.epochs),
            *([] if epochs_done is None else [str(epochs_done[point.name])]),
        ]
        for point in points
    ]
    if epochs_done is not None:
        heads.append("done")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in [heads, *rows]
    )


def event_line(point: Point, status: Status) -> str:
    """One line for what happened to a point."""
    parts = [f"{datetime.now():%H:%M:%S}", point.name, status.status]
    if status.status == "finished":
        parts.append(_figures(status))
    elif status.error:
        parts.append(status.error)
    elif status.epochs:
        parts.append(f"from epoch {status.epochs + 1} on")
    return "  ".join(parts)


def _figures(status) -> str:
    return f"{status.seconds_per_epoch:.2f} s/epoch, test {status.test_accuracy:.2%}"


def summary_line(sweep: Sweep) -> str:
    """How far a sweep has come, and where its results are."""
    done = len(sweep.points) - len(sweep.unfinished())
    failed = f", {len(sweep.failed())} failed" if sweep.failed() else ""
    return f"{done} of {len(sweep.points)} points finished{failed}; {sweep.directory.record}"


class LineDisplay:
    """Prints a line per event, as a log wants it."""

    def __init__(self, sweep: Sweep):
        self._sweep = sweep

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def tell(self, point: Point, status: Status) -> None:
        print(event_line(point, status), flush=True)

    def refresh(self) -> None:
        """Nothing to redraw."""


class LiveDisplay:
    """Redraws a table of all points in place."""

    def __init__(self, sweep: Sweep):
        from rich.live import Live

        self._sweep = sweep
        self._live = Live(auto_refresh=False)

    def __enter__(self):
        self._live.__enter__()
        self.refresh()
        return self

    def __exit__(self, *exception):
        self.refresh()
        self._live.__exit__(*exception)

    def tell(self, point: Point, status: Status) -> None:
        self.refresh()

    def refresh(self) -> None:
        self._live.update(self._table(), refresh=True)

    def _table(self):
        from rich.table import Table
        from rich.text import Text

        sweep = self._sweep
        table = Table(title=f"{sweep.definition.name}: {summary_line(sweep)}", expand=False)
        table.add_column("point", overflow="fold")  # the one that gives way on a narrow terminal
        table.add_column("status", no_wrap=True, min_width=8)
        for name in ("epochs", "s/epoch", "test"):
            table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
        table.add_column("", overflow="fold")
        for point in _window(sweep):
            status = sweep.status[point.name]
            table.add_row(
                Text(point.name),
                Text(status.status, style=_STYLES.get(status.status, "dim")),
                f"{status.epochs}/{point.config.epochs}",
                "" if status.seconds_per_epoch is None else f"{status.seconds_per_epoch:.2f}",
                "" if status.test_accuracy is None else f"{status.test_accuracy:.2%}",
                Text(status.error),
            )
        return table


def _window(sweep) -> list[Point]:
    """The points to show: all, or those around the first that is not finished."""
    first = next(
        (i for i, p in enumerate(sweep.points) if sweep.status[p.name].status != "finished"), 0
    )
    start = max(0, min(first - _LIVE_ROWS // 2, len(sweep.points) - _LIVE_ROWS))
    return sweep.points[start : start + _LIVE_ROWS]


def display(sweep: Sweep):
    """The display that fits standard output."""
    return LiveDisplay(sweep) if sys.stdout.isatty() else LineDisplay(sweep)
