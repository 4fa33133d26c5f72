"""The scaling table as data for other programs: CSV and JSON, every digit, units in the names.

One row per group and machine count. `kind` says where a row comes from: `measured` here,
`predicted` by the scale model, `published` by the source.
"""

import json
import statistics

from caps_hvd.records.sweep_record import PARTS
from caps_hvd.report.published import distributed_capsnet
from caps_hvd.report.scaling.table import EVALUATION, ScalingTable, Spread

SCHEMA = "caps_hvd.scaling/1"

_STATISTICS = {
    "mean": statistics.fmean,
    "deviation": lambda values: statistics.stdev(values) if len(values) > 1 else None,
    "min": min,
    "max": max,
}
_QUANTITIES = (
    "seconds_per_epoch",
    "first_epoch_seconds",
    "images_per_second",
    "evaluation_seconds",
    "test_accuracy",
    "energy_joules_per_epoch",
)
_PREDICTED = (
    "compute_seconds",
    "straggler_seconds",
    "exposed_communication_seconds",
    "input_seconds",
    "evaluation_seconds",
)


def rows(table: ScalingTable, predictions=None, with_published=False) -> list[dict]:
    """Every row as a dict of plain values; what does not apply to its kind is missing.

    Args:
        predictions: `Predictions`, None for none.
        with_published: whether the source's points follow.
    """
    found = [
        _measured(group, row) for group in table.groups for row in group.rows
    ]  # fmt: skip
    for group, predicted in zip(
        table.groups, predictions.of_rows if predictions else (), strict=False
    ):
        found += [
            _predicted(group, row, each)
            for row, each in zip(group.rows, predicted, strict=True)
        ]  # fmt: skip
    if with_published:
        found += [
            _published(set_up, machines)
            for set_up in distributed_capsnet.SET_UPS
            for machines in set_up.seconds_per_epoch
        ]
    return found


def to_json(table: ScalingTable, rows) -> str:
    """The rows, and what is not among them."""
    values = {
        "schema": SCHEMA,
        "name": table.name,
        "created_utc": table.created_utc,
        "finished_points": table.finished,
        "failed_points": [{"name": name, "error": error} for name, error in table.failed],
        "unfinished_points": list(table.unfinished),
        "source": distributed_capsnet.CITATION,
        "rows": rows,
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _measured(group, row) -> dict:
    values = {
        "kind": "measured",
        **group.axes,
        "machines": row.machines,
        "ranks": row.ranks,
        "repetitions": row.repetitions,
        "epochs": row.epochs,
        "one_epoch_only": row.one_epoch_only,
        "speed_up": row.speed_up,
        "speed_up_plus_minus": row.speed_up_plus_minus,
        "efficiency": row.efficiency,
    }
    for name in _QUANTITIES:
        spread: Spread | None = getattr(row, name)
        for statistic, of in _STATISTICS.items():
            values[f"{name}_{statistic}"] = None if spread is None else of(spread.values)
    for part in (*PARTS, EVALUATION):
        values[f"{part}_share"] = row.shares.get(part)
    return {**values, "images_per_step": row.images_per_step, "bytes_per_step": row.bytes_per_step}


def _predicted(group, row, prediction) -> dict:
    return {
        "kind": "predicted",
        **group.axes,
        "machines": row.machines,
        "ranks": row.ranks,
        "speed_up": prediction.speed_up,
        "efficiency": prediction.efficiency,
        "seconds_per_epoch_mean": prediction.seconds_per_epoch,
        **{f"predicted_{name}": getattr(prediction, name) for name in _PREDICTED},
        "error_percent": prediction.error_percent(row.seconds_per_epoch.mean),
    }


def _published(set_up, machines) -> dict:
    return {
        "kind": "published",
        "set_up": set_up.name,
        "machines": machines,
        "seconds_per_epoch_mean": set_up.seconds_per_epoch[machines],
        "speed_up": set_up.speed_up(machines),
        "efficiency": set_up.efficiency(machines),
    }
