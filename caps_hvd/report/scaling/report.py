"""Report on how training scaled: measured, predicted and published.

As data it has one row per group and machine count. `kind` says where a row comes from: `measured`
here, `predicted` by the scale model, `published` by Distributed CapsNet.
"""

import dataclasses
import statistics
from typing import ClassVar

from caps_hvd.records.sweep_record import PARTS
from caps_hvd.report.base import SweepReport
from caps_hvd.report.published import distributed_capsnet
from caps_hvd.report.scaling import sheets
from caps_hvd.report.scaling.predicted_points import TERMS, Predictions
from caps_hvd.report.scaling.table import EVALUATION, SPREADS, ScalingTable, tabulate
from caps_hvd.report.sheet import Sheet

_STATISTICS = {
    "mean": statistics.fmean,
    "deviation": lambda values: statistics.stdev(values) if len(values) > 1 else None,
    "min": min,
    "max": max,
}
_FIGURES = (
    "repetitions",
    "epochs",
    "one_epoch_only",
    "speed_up",
    "speed_up_plus_minus",
    "efficiency",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingReport(SweepReport):
    """A report on how a sweep scaled.

    Args:
        predictions: of the scale model, None without a calibration.
        with_published: whether the points of Distributed CapsNet stand beside ours.
    """

    kind: ClassVar[str] = "scaling"
    command: ClassVar[str] = "caps-hvd report"

    table: ScalingTable
    predictions: Predictions | None = None
    with_published: bool = False

    def sheets(self) -> list[Sheet]:
        """Measured first, then what it is compared with."""
        found = [sheets.scaling(self.table), sheets.shares(self.table)]
        if self.predictions:
            found.append(sheets.beside_predicted(self.table, self.predictions))
        if self.with_published:
            found.append(sheets.beside_published(self.table))
        return [sheet for sheet in found if sheet]

    def rows(self) -> list[dict]:
        rows = [(group.axes, row) for group in self.table.groups for row in group.rows]
        found = [_measured(*each) for each in rows]
        if self.predictions:
            predicted = [each for group in self.predictions.of_rows for each in group]
            found += [_predicted(*of, each) for of, each in zip(rows, predicted, strict=True)]
        if self.with_published:
            found += [
                {
                    "kind": "published",
                    "set_up": set_up.name,
                    "machines": machines,
                    "seconds_per_epoch_mean": point.seconds_per_epoch,
                    "speed_up": point.speed_up,
                    "efficiency": point.efficiency,
                }
                for set_up in distributed_capsnet.SET_UPS
                for machines, point in set_up.points.items()
            ]
        return found

    def values(self) -> dict:
        table = self.table
        return {
            "schema": "caps_hvd.scaling/1",
            "name": table.name,
            "created_utc": table.created_utc,
            "finished_points": table.finished,
            "failed_points": [{"name": name, "error": error} for name, error in table.failed],
            "unfinished_points": list(table.unfinished),
            "source": distributed_capsnet.CITATION,
            "rows": self.rows(),
        }

    def figures(self) -> dict:
        from caps_hvd.report.scaling import plots

        return plots.figures(self.table, self.predictions, self.with_published)


def report(sweep, *, predictions=None, with_published=False) -> ScalingReport:
    """The report of a sweep.

    Args:
        sweep: as `base.load` gives it.
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


def _measured(axes, row) -> dict:
    point = row.point
    values = {"kind": "measured", **axes, "machines": point.machines, "ranks": point.ranks}
    values |= {name: getattr(row, name) for name in _FIGURES}
    for name in (*SPREADS, "energy_joules_per_epoch"):
        spread = getattr(row, name)
        for statistic, of in _STATISTICS.items():
            values[f"{name}_{statistic}"] = None if spread is None else of(spread.values)
    for part in (*PARTS, EVALUATION):
        values[f"{part}_share"] = row.shares.get(part)
    sizes = {"images_per_step": point.images_per_step, "bytes_per_step": point.bytes_per_step}
    return values | sizes


def _predicted(axes, row, prediction) -> dict:
    return {
        "kind": "predicted",
        **axes,
        "machines": row.point.machines,
        "ranks": row.point.ranks,
        "speed_up": prediction.speed_up,
        "efficiency": prediction.efficiency,
        "seconds_per_epoch_mean": prediction.seconds_per_epoch,
        **{f"predicted_{name}": getattr(prediction, name) for name in TERMS},
        "error_percent": prediction.error_percent(row.seconds_per_epoch.mean),
    }
