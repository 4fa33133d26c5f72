"""How training scaled, as a report: measured, predicted and published."""

import dataclasses
from typing import ClassVar

from caps_hvd.report.base import SweepReport
from caps_hvd.report.scaling import data
from caps_hvd.report.scaling import sheets as scaling_sheets
from caps_hvd.report.scaling.predictions import Predictions
from caps_hvd.report.scaling.table import ScalingTable, tabulate
from caps_hvd.report.sheet import Sheet


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingReport(SweepReport):
    """What is reported about a sweep.

    Args:
        predictions: of the scale model, None without a calibration.
        with_published: whether the source's points stand beside ours.
    """

    kind: ClassVar[str] = "scaling"
    command: ClassVar[str] = "caps-hvd report"

    table: ScalingTable
    predictions: Predictions | None = None
    with_published: bool = False

    @property
    def name(self) -> str:
        return self.table.name

    def sheets(self) -> list[Sheet]:
        """Measured first, then what it is compared with."""
        sheets = [scaling_sheets.scaling(self.table), scaling_sheets.shares(self.table)]
        if self.predictions:
            sheets.append(scaling_sheets.beside_predicted(self.table, self.predictions))
        if self.with_published:
            sheets.append(scaling_sheets.beside_published(self.table))
        return [sheet for sheet in sheets if sheet]

    def rows(self) -> list[dict]:
        return data.rows(self.table, self.predictions, self.with_published)

    def to_json(self) -> str:
        return data.to_json(self.table, self.rows())

    def figures(self) -> dict:
        from caps_hvd.report.scaling import plots

        return plots.figures(self.table, self.predictions, self.with_published)


def report(sweep, *, predictions=None, with_published=False) -> ScalingReport:
    """The report of a sweep.

    Args:
        sweep: as `sweep_report.load` gives it.
        predictions: makes `Predictions` of the table, None for no predictions.

    Raises:
        RunError: no point is finished.
    """
    table = tabulate(sweep)
    return ScalingReport(
        table=table,
        predictions=predictions(table) if predictions else None,
        with_published=with_published,
    )
