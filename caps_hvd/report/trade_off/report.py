"""The trade-offs in a sweep as a report: tables in every format, and pictures."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from caps_hvd.report.base import SweepReport
from caps_hvd.report.sheet import Sheet
from caps_hvd.report.trade_off import data
from caps_hvd.report.trade_off import sheets as trade_off_sheets
from caps_hvd.report.trade_off.choice import Choice
from caps_hvd.report.trade_off.configurations import TradeOff, trade_off


@dataclasses.dataclass(frozen=True, kw_only=True)
class TradeOffReport(SweepReport):
    """What is reported about a sweep's trade-offs.

    Args:
        with_published: whether the source's table follows ours.
    """

    kind: ClassVar[str] = "trade-off"
    command: ClassVar[str] = "caps-hvd optimize"

    trade_off: TradeOff
    with_published: bool = False

    @property
    def name(self) -> str:
        return self.trade_off.name

    def sheets(self) -> list[Sheet]:
        """Measured first, then published."""
        published = [trade_off_sheets.as_published()] if self.with_published else []
        return [trade_off_sheets.measured(self.trade_off), *published]

    def rows(self) -> list[dict]:
        return data.rows(self.trade_off, self.with_published)

    def to_json(self) -> str:
        return data.to_json(self.trade_off, self.rows())

    def figures(self) -> dict:
        from caps_hvd.report.trade_off import plots

        return plots.figures(self.trade_off)


def report(
    sweep,
    *,
    baseline: Mapping[str, str] | None = None,
    choice: Choice | None = None,
    with_published=False,
) -> TradeOffReport:
    """The report of a sweep's trade-offs.

    Args:
        sweep: as `sweep_report.load` gives it.
        baseline, choice: see `trade_off`.

    Raises:
        ConfigError: there is no such baseline.
        RunError: no point is finished.
    """
    return TradeOffReport(
        trade_off=trade_off(sweep, baseline, choice), with_published=with_published
    )
