"""Report on the trade-offs in a sweep: tables in every format, and pictures.

As data it has one row per configuration. `kind` says where a row comes from: `measured` here or
`published` by FasTrCaps. An axis that is called like a figure has `axis_` before its name. The
JSON file has the curves over the epochs as well.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from caps_hvd.report.base import SweepReport
from caps_hvd.report.published import fastrcaps
from caps_hvd.report.sheet import Sheet
from caps_hvd.report.trade_off import sheets
from caps_hvd.report.trade_off.configurations import TradeOff, trade_off
from caps_hvd.report.trade_off.criterion import Criterion

_CURVES = ("epochs", "accuracies", "spreads", "learning_rates", "epoch_seconds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TradeOffReport(SweepReport):
    """A report on a sweep's trade-offs.

    Args:
        with_published: whether the table of FasTrCaps follows ours.
    """

    kind: ClassVar[str] = "trade-off"
    command: ClassVar[str] = "caps-hvd optimize"

    table: TradeOff
    with_published: bool = False

    def sheets(self) -> list[Sheet]:
        """Measured first, then published."""
        published = [sheets.as_published()] if self.with_published else []
        return [sheets.measured(self.table), *published]

    def rows(self) -> list[dict]:
        published = fastrcaps.ROWS if self.with_published else ()
        measured = [_measured(self.table, each) for each in self.table.configurations]
        return measured + list(map(_published, published))

    def values(self) -> dict:
        found = self.table
        return {
            "schema": "caps_hvd.trade_off/1",
            "name": found.name,
            "created_utc": found.created_utc,
            "baseline": found.baseline and found.baseline.name,
            "choice": found.choice.describe(),
            "chosen": found.chosen and found.chosen.name,
            "failed_points": [{"name": name, "error": error} for name, error in found.failed],
            "unfinished_points": list(found.unfinished),
            "source": fastrcaps.CITATION,
            **({} if found.part == "test" else {"part": found.part}),
            "rows": self.rows(),
            "curves": {
                each.name: {name: getattr(each, name) for name in _CURVES}
                for each in found.configurations
            },
        }

    def figures(self) -> dict:
        from caps_hvd.report.trade_off import plots

        return plots.figures(self.table)


def report(
    sweep,
    *,
    baseline: Mapping[str, str] | None = None,
    choice: Criterion | None = None,
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
    return TradeOffReport(table=trade_off(sweep, baseline, choice), with_published=with_published)


def _measured(trade_off, configuration) -> dict:
    of_validation = () if configuration.part == "validation" else ("part", "test_accuracy")
    values = {
        field.name: getattr(configuration, field.name)
        for field in dataclasses.fields(configuration)
        if field.name not in ("axes", *_CURVES, *of_validation)
    }
    values |= {
        "epochs_times_seconds": configuration.epochs_times_seconds,
        "pareto": configuration in trade_off.pareto,
        "chosen": configuration is trade_off.chosen,
    }
    axes = {
        f"axis_{name}" if name == "kind" or name in values else name: label
        for name, label in configuration.axes.items()
    }
    return {"kind": "measured", **axes, **values}


def _published(row) -> dict:
    return {
        "kind": "published",
        "dataset": row.dataset,
        "policy": row.policy,
        "weight_sharing": row.sharing,
        "seeds": fastrcaps.RUNS,
        "best_accuracy": row.accuracy,
        "best_epoch": row.epoch,
        "seconds_to_best": row.seconds_to_best,
        "epochs_to_baseline": row.epochs_to_fixed,
        "seconds_to_baseline": row.seconds_to_fixed,
    }
