"""Columns of a table, each a function that makes a cell of what a row stands for.

Numbers of a column have equally many decimals, as many as its smallest value needs.
"""

import dataclasses
import math
import numbers
import statistics
from collections.abc import Callable, Iterable
from typing import NamedTuple

from caps_hvd.report.sheet import PLUS_MINUS, Section, Sheet


@dataclasses.dataclass(frozen=True)
class Spread:
    """One quantity over the repetitions of a point.

    Args:
        values: one for each repetition, at least one.

    Example:
        >>> Spread((9.0, 11.0)).plus_minus
        1.0
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation (n - 1), None for a single value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def plus_minus(self) -> float | None:
        """What is written behind ±: half the range for two values, the deviation for more."""
        if len(self.values) == 2:
            return abs(self.values[0] - self.values[1]) / 2
        return self.deviation


class Column(NamedTuple):
    """A column of a table.

    Args:
        name, unit: its head.
        value: what a row stands for -> its value: float, `Spread` (written mean ± spread), text or
            a whole number (written as they are), or None (an empty cell).
        scale, decimals: see `cells`.
    """

    name: str
    unit: str
    value: Callable
    scale: float = 1
    decimals: int | None = None


def tabulate(columns: Iterable[Column], groups: Iterable[tuple[str, Iterable]], **sheet) -> Sheet:
    """The sheet with these columns, without those that no row has a value in.

    Args:
        groups: (label, what its rows stand for) of each section.
        **sheet: the other fields of `Sheet`.

    Example:
        >>> tabulate([Column("n", "", abs)], [("", [-1])], key="a", title="A").sections[0].rows
        (('1',),)
    """
    groups = [(label, list(items)) for label, items in groups]
    every = [item for _, items in groups for item in items]
    written = [
        (each, column)
        for each in columns
        if any(column := cells(map(each.value, every), each.scale, each.decimals))
    ]
    rows = iter(zip(*(column for _, column in written), strict=True))
    return Sheet(
        columns=tuple((each.name, each.unit) for each, _ in written),
        sections=tuple(
            Section(label=label, rows=tuple(next(rows) for _ in items)) for label, items in groups
        ),
        **sheet,
    )


def cells(values, scale=1, decimals=None) -> list[str]:
    """Values of a column as text, all numbers with as many decimals.

    Args:
        values: as `Column.value` gives them.
        scale: what to multiply numbers with; whole ones stay as they are with 1.
        decimals: default such that the smallest value has three digits, four decimals at most.
    """
    values = list(values)
    if decimals is None:
        decimals = decimals_of([each for each in values if not isinstance(each, str)], scale)
    return [_cell(value, scale, decimals) for value in values]


def decimals_of(values, scale=1) -> int:
    """The decimals with which the smallest of some numbers has three digits, four at most."""
    means = (scale * mean(value) for value in values if value is not None)
    smallest = min((abs(each) for each in means if each), default=1.0)
    return min(4, max(0, 2 - math.floor(math.log10(smallest))))


def mean(value) -> float | None:
    """The value itself, or the mean of a `Spread`."""
    return value.mean if isinstance(value, Spread) else value


def percent(share, spread=None) -> str:
    """A share in per cent, with ± its spread where it has one; empty for None.

    Example:
        >>> percent(0.9, 0.01)
        '90.00 ± 1.00'
    """
    if share is None:
        return ""
    parts = [share] if spread is None else [share, spread]
    return PLUS_MINUS.join(f"{100 * part:.2f}" for part in parts)


def signed_percent(percent: float) -> str:
    """Per cent with their sign, with a decimal below 100."""
    return f"{percent:+.{1 if abs(percent) < 100 else 0}f}"


def _cell(value, scale, decimals) -> str:
    if value is None:
        return ""
    if isinstance(value, str) or (isinstance(value, numbers.Integral) and scale == 1):
        return str(value)
    parts = [mean(value)]
    if isinstance(value, Spread) and value.plus_minus is not None:
        parts.append(value.plus_minus)
    return PLUS_MINUS.join(f"{scale * part:.{decimals}f}" for part in parts)
