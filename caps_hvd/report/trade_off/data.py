"""A trade-off as data for other programs: CSV and JSON, every digit, units in the names.

One row per configuration. `kind` says where a row comes from: `measured` here or `published` by the
source. An axis that is called like a figure has `axis_` before its name. The JSON file has the
curves over the epochs as well.
"""

import dataclasses
import json

from caps_hvd.report.published import fastrcaps as published
from caps_hvd.report.scaling.table import failures
from caps_hvd.report.trade_off.configurations import TradeOff

SCHEMA = "caps_hvd.trade_off/1"
_CURVES = ("epochs", "accuracies", "spreads", "learning_rates", "epoch_seconds")


def rows(trade_off: TradeOff, with_published=False) -> list[dict]:
    """Every row as a dict of plain values; what does not apply to its kind is missing.

    Args:
        with_published: whether the source's rows follow.
    """
    found = [_measured(trade_off, each) for each in trade_off.configurations]
    if with_published:
        found += [_published(row) for row in published.ROWS]
    return found


def to_json(trade_off: TradeOff, rows) -> str:
    """The rows, the curves, and what is not among them."""
    values = {
        "schema": SCHEMA,
        "name": trade_off.name,
        "created_utc": trade_off.created_utc,
        "baseline": trade_off.baseline and trade_off.baseline.name,
        "choice": trade_off.choice.describe(),
        "chosen": trade_off.chosen and trade_off.chosen.name,
        "failed_points": [
            {"name": name, "error": error} for name, error in failures(trade_off.missing)
        ],
        "unfinished_points": [
            point.name for point in trade_off.missing if point.status != "failed"
        ],
        "source": published.CITATION,
        "rows": rows,
        "curves": {
            each.name: {name: getattr(each, name) for name in _CURVES}
            for each in trade_off.configurations
        },
    }  # fmt: skip
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _measured(trade_off, configuration) -> dict:
    values = {
        field.name: getattr(configuration, field.name)
        for field in dataclasses.fields(configuration)
        if field.name not in ("axes", *_CURVES)
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
        "seeds": published.RUNS,
        "best_accuracy": row.accuracy,
        "best_epoch": row.epoch,
        "seconds_to_best": row.seconds_to_best,
        "epochs_to_baseline": row.epochs_to_fixed,
        "seconds_to_baseline": row.seconds_to_fixed,
    }
