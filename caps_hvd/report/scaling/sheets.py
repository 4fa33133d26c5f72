"""The tables of a scaling report, from numbers to words: measured, published, predicted.

Measured and predicted figures never share a column.
"""

import math

from caps_hvd.report.published import distributed_capsnet
from caps_hvd.report.scaling.predictions import Predictions
from caps_hvd.report.scaling.table import EVALUATION, ScalingTable, Spread
from caps_hvd.report.sheet import PLUS_MINUS, Section, Sheet

_SHARES = {
    "compute": "compute",
    "exposed_communication": "communication",
    "input": "input",
    "other": "other",
    EVALUATION: "evaluation",
}

_MOST_NAMED = 12  # failed or unfinished points; the JSON file has all


def scaling(table: ScalingTable) -> Sheet:
    """How fast, how much faster, how well: one row per machine count."""
    rows = [row for group in table.groups for row in group.rows]
    columns = {
        (table.across, ""): [str(row.count) for row in rows],
        **_ranks_if_others(rows),
        ("runs", ""): [str(row.repetitions) for row in rows],
        ("epoch", "s"): cells(row.seconds_per_epoch for row in rows),
        ("first epoch", "s"): cells(row.first_epoch_seconds.mean for row in rows),
        ("images/s", ""): cells(row.images_per_second.mean for row in rows),
        ("speed-up", ""): cells((row.speed_up for row in rows), decimals=2),
        ("efficiency", "%"): cells((row.efficiency for row in rows), scale=100, decimals=1),
        ("accuracy", "%"): cells((row.test_accuracy for row in rows), scale=100, decimals=2),
        ("energy", "kJ/epoch"): cells(
            (_mean(row.energy_joules_per_epoch) for row in rows), scale=1e-3
        ),
    }
    return Sheet(
        key=_key(table, "scaling"),
        title=f"{table.name}: measured",
        columns=tuple(columns),
        sections=_sections(table, columns),
        notes=(
            *_about_times(table, rows),
            *_about_base(table),
            *about_missing(table.failed, table.unfinished),
        ),
    ).without_empty_columns()


def shares(table: ScalingTable) -> Sheet | None:
    """Where the time went; None where no run has measured it."""
    rows = [row for group in table.groups for row in group.rows]
    if not any(row.shares for row in rows):
        return None
    columns = {
        (table.across, ""): [str(row.count) for row in rows],
        **{
            (name, "%"): cells((row.shares.get(part) for row in rows), scale=100, decimals=1)
            for part, name in _SHARES.items()
        },
        ("evaluation", "s"): cells(_mean(row.evaluation_seconds) for row in rows),
        ("images/step", ""): [
            "" if row.images_per_step is None else f"{row.images_per_step}" for row in rows
        ],
        ("reduced", "MB/step"): cells(
            (row.bytes_per_step or None for row in rows), scale=1e-6
        ),
    }  # fmt: skip
    return Sheet(
        key=_key(table, "shares"),
        title=f"{table.name}: where the time of an epoch went, measured",
        columns=tuple(columns),
        sections=_sections(table, columns),
        notes=(
            "Communication is what computation did not hide; other is the framework between "
            "the steps.",
            "Reduced is what one rank gave to the collectives.",
        ),
    ).without_empty_columns()


def beside_published(table: ScalingTable) -> Sheet:
    """The source's points beside ours, for every machine count of either."""
    set_ups = [each for each in distributed_capsnet.SET_UPS if each.seconds_per_epoch]
    theirs = {
        f"source {each.number}": {
            machines: (seconds, each.speed_up(machines), each.efficiency(machines))
            for machines, seconds in each.seconds_per_epoch.items()
        }
        for each in set_ups
    }
    sections = []
    for group in table.groups:
        ours = {
            row.count: (row.seconds_per_epoch.mean, row.speed_up, row.efficiency)
            for row in group.rows
        }
        columns = _side_by_side({"here": ours, **theirs}, table.across)
        sections.append(Section(label=group.label, rows=tuple(zip(*columns.values(), strict=True))))
    return Sheet(
        key=_key(table, "published"),
        title=f"{table.name}: measured here, and published by the source",
        columns=tuple(columns),
        sections=tuple(sections),
        notes=(
            *(f"{each.name[0].upper()}{each.name[1:]}." for each in set_ups),
            *_about_comparing(table),
            "Epochs here are training alone; the source's include the test of "
            f"{distributed_capsnet.TEST_IMAGES:,} images on every machine, and the start of the "
            "program.",
            f"Source: {distributed_capsnet.CITATION}",
        ),
    )


def _side_by_side(series, across) -> dict:
    """Columns of (seconds, speed-up, efficiency) by name of the series and count."""
    counts = sorted({each for points in series.values() for each in points})
    quantities = (
        ("s", {}),
        ("speed-up", {"decimals": 2}),
        ("effic. %", {"scale": 100, "decimals": 0}),
    )
    nothing = (None,) * len(quantities)
    return {
        (across, ""): [str(each) for each in counts],
        **{
            (who, unit): cells((points.get(each, nothing)[index] for each in counts), **style)
            for index, (unit, style) in enumerate(quantities)
            for who, points in series.items()
        },
    }


def beside_predicted(table: ScalingTable, predictions: Predictions) -> Sheet:
    """The scale model's prediction beside each measured point, with its error."""
    measured = [row for group in table.groups for row in group.rows]
    predicted = [each for group in predictions.of_rows for each in group]
    errors = [
        each.error_percent(row.seconds_per_epoch.mean)
        for each, row in zip(predicted, measured, strict=True)
    ]
    seconds = [row.seconds_per_epoch for row in measured]
    places = _decimals([*seconds, *(each.seconds_per_epoch for each in predicted)])

    def column(name):
        return cells((getattr(each, name) for each in predicted), decimals=places)

    columns = {
        (table.across, ""): [str(row.count) for row in measured],
        ("measured", "s"): cells(seconds, decimals=places),
        ("predicted", "s"): column("seconds_per_epoch"),
        ("error", "%"): [_signed(error) for error in errors],
        ("measured", "speed-up"): cells((row.speed_up for row in measured), decimals=2),
        ("predicted", "speed-up"): cells((each.speed_up for each in predicted), decimals=2),
        ("compute", "pred. s"): column("compute_seconds"),
        ("stragglers", "pred. s"): column("straggler_seconds"),
        ("comm.", "pred. s"): column("exposed_communication_seconds"),
        ("input", "pred. s"): column("input_seconds"),
    }
    return Sheet(
        key=_key(table, "predicted"),
        title=f"{table.name}: measured, and predicted by the scale model",
        columns=tuple(columns),
        sections=_sections(table, columns),
        notes=(
            predictions.about,
            f"Largest error {_signed(max(errors, key=abs))} %; positive: predicted too slow.",
        ),
    )


def cells(values, *, scale=1.0, decimals=None) -> list[str]:
    """Numbers as text, all of a column with as many decimals.

    Args:
        values: float, `Spread` (written mean ± spread) or None (an empty cell).
        scale: what to multiply them with.
        decimals: default such that the smallest value has three digits, four decimals at most.
    """
    values = list(values)
    if decimals is None:
        decimals = _decimals(values, scale)
    return [_cell(value, scale, decimals) for value in values]


def about_missing(failed, unfinished) -> list[str]:
    """Notes on the points that are not in a table.

    Args:
        failed: (name, error) of each that failed.
        unfinished: names of the others.
    """
    notes = [f"Failed: {name}: {error}" for name, error in failed[:_MOST_NAMED]]
    if (more := len(failed) - _MOST_NAMED) > 0:
        notes.append(f"Failed as well: {more} more.")
    if unfinished:
        more = len(unfinished) - _MOST_NAMED
        names = ", ".join(unfinished[:_MOST_NAMED])
        notes.append(f"Not finished: {names}{f' and {more} more' if more > 0 else ''}.")
    return notes


def _decimals(values, scale=1.0) -> int:
    means = (scale * _mean(value) for value in values if value is not None)
    smallest = min((abs(mean) for mean in means if mean), default=1.0)
    return min(4, max(0, 2 - math.floor(math.log10(smallest))))


def _signed(percent) -> str:
    return f"{percent:+.{1 if abs(percent) < 100 else 0}f}"


def _cell(value, scale, decimals) -> str:
    if value is None:
        return ""
    text = f"{scale * _mean(value):.{decimals}f}"
    if isinstance(value, Spread) and value.plus_minus is not None:
        text += f"{PLUS_MINUS}{scale * value.plus_minus:.{decimals}f}"
    return text


def _mean(value) -> float | None:
    return value.mean if isinstance(value, Spread) else value


def _ranks_if_others(rows) -> dict:
    """A column of ranks, unless it would say what the first says."""
    if all(row.ranks == row.count for row in rows):
        return {}
    return {("ranks", ""): [str(row.ranks) for row in rows]}


def _sections(table, columns) -> tuple[Section, ...]:
    rows = iter(zip(*columns.values(), strict=True))
    return tuple(
        Section(label=group.label, rows=tuple(next(rows) for _ in group.rows))
        for group in table.groups
    )


def _key(table, what) -> str:
    return f"{''.join(sign if sign.isalnum() else '-' for sign in table.name)}-{what}"


def _about_comparing(table) -> list[str]:
    notes = []
    if table.across != "machines":
        notes.append(f"Here are {table.across}, the source counts machines.")
    if table.epoch_images != {distributed_capsnet.TRAIN_IMAGES}:
        notes.append(
            f"An epoch of the source has {distributed_capsnet.TRAIN_IMAGES:,} images, "
            f"here {_images(table)}: compare speed-up and efficiency, not seconds."
        )
    return notes


def _images(table) -> str:
    known = sorted(table.epoch_images - {None})
    return " or ".join(f"{each:,}" for each in known) or "an unknown number of"


def _about_times(table, rows) -> list[str]:
    notes = [
        f"Epoch: training alone on {_images(table)} images, median of a run's epochs without the "
        "first after a start."
    ]
    counts = {row.repetitions for row in rows} - {1}
    if counts:
        spread = "half the range" if counts == {2} else "sample standard deviation"
        also = " (half the range for 2)" if counts > {2} else ""
        notes.append(f"Mean over the runs ± {spread}{also}.")
    if any(row.one_epoch_only for row in rows):
        counts = sorted({row.count for row in rows if row.one_epoch_only})
        notes.append(
            f"On {_listed(counts)} {table.across} a run had one epoch alone, so its start is part "
            "of it."
        )
    return notes


def _about_base(table) -> list[str]:
    bases = sorted({group.rows[0].count for group in table.groups})
    if len(bases) > 1:
        return [f"Speed-up against the fewest {table.across} of each block, {_listed(bases)}."]
    what = table.across if bases[0] > 1 else table.across.removesuffix("s")
    return [f"Speed-up against {bases[0]} {what}."]


def _listed(values) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} and {last}" if most else last
