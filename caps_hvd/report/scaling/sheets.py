"""Tables of a scaling report: measured, published, predicted.

Measured and predicted figures never share a column.
"""

from caps_hvd.records.record import EPOCH_PARTS
from caps_hvd.report.columns import Column, decimals_of, mean, signed_percent, tabulate
from caps_hvd.report.published import distributed_capsnet
from caps_hvd.report.scaling.predicted_points import Predictions
from caps_hvd.report.scaling.table import EVALUATION, ScalingTable
from caps_hvd.report.sheet import Sheet, key_of


def scaling(table: ScalingTable) -> Sheet:
    """Seconds, speed-up and efficiency: one row per machine count."""
    ranks = Column("ranks", "", lambda row: row.point.ranks)
    return _sheet(
        table,
        "scaling",
        "measured",
        Column(table.across, "", lambda row: row.count),
        *([ranks] if any(row.point.ranks != row.count for row in table.rows) else []),
        Column("runs", "", lambda row: row.repetitions),
        Column("epoch", "s", lambda row: row.seconds_per_epoch),
        Column("first epoch", "s", lambda row: row.first_epoch_seconds.mean),
        Column("images/s", "", lambda row: row.images_per_second.mean),
        Column("speed-up", "", lambda row: row.speed_up, decimals=2),
        Column("efficiency", "%", lambda row: row.efficiency, 100, 1),
        Column("accuracy", "%", lambda row: row.test_accuracy, 100, 2),
        Column("energy", "kJ/epoch", lambda row: mean(row.energy_joules_per_epoch), 1e-3),
        notes=(
            *_about_times(table),
            *_about_base(table),
            *table.about_missing(),
            *table.about_stuck(),
        ),
    )


def shares(table: ScalingTable) -> Sheet | None:
    """Shares of the time of an epoch; None where no run has measured them."""
    if not any(row.shares for row in table.rows):
        return None
    return _sheet(
        table,
        "shares",
        "where the time of an epoch went, measured",
        Column(table.across, "", lambda row: row.count),
        *(
            Column(name, "%", lambda row, part=part: row.shares.get(part), 100, 1)
            for part, name in {**EPOCH_PARTS, EVALUATION: EVALUATION}.items()
        ),
        Column("evaluation", "s", lambda row: mean(row.evaluation_seconds)),
        Column("images/step", "", lambda row: row.point.images_per_step),
        Column("reduced", "MB/step", lambda row: row.point.bytes_per_step or None, 1e-6),
        notes=(
            "Communication is what computation did not hide; other is the framework between "
            "the steps.",
            "Reduced is what one rank gave to the collectives.",
        ),
    )


def beside_published(table: ScalingTable) -> Sheet:
    """The points of Distributed CapsNet beside ours, for every machine count of either."""
    set_ups = [each for each in distributed_capsnet.SET_UPS if each.points]
    published = {f"set-up {each.number}": each.points for each in set_ups}
    groups = []
    for group in table.groups:
        series = {"here": {row.count: row for row in group.rows}, **published}
        counts = sorted({count for points in series.values() for count in points})
        groups.append((group.label, [(count, series) for count in counts]))

    def column(who, unit, name, *style):
        def value(row):
            count, series = row
            return mean(getattr(series[who].get(count), name, None))

        return Column(who, unit, value, *style)

    return _sheet(
        table,
        "published",
        "measured here, and published by Distributed CapsNet",
        Column(table.across, "", lambda row: row[0]),
        *(column(who, "s", "seconds_per_epoch") for who in ("here", *published)),
        *(column(who, "speed-up", "speed_up", 1, 2) for who in ("here", *published)),
        *(column(who, "effic. %", "efficiency", 100, 0) for who in ("here", *published)),
        groups=groups,
        notes=(
            *(f"{each.name}." for each in set_ups),
            *_about_comparing(table),
            "Epochs here are training alone; those of Distributed CapsNet include the test of "
            f"{distributed_capsnet.TEST_IMAGES:,} images on every machine, and the start of the "
            "program.",
            f"Distributed CapsNet: {distributed_capsnet.CITATION}",
        ),
    )


def beside_predicted(table: ScalingTable, predictions: Predictions) -> Sheet:
    """The scale model's prediction beside each measured point, with its error."""
    groups = [
        (group.label, list(zip(group.rows, predicted, strict=True)))
        for group, predicted in zip(table.groups, predictions.of_rows, strict=True)
    ]
    pairs = [pair for _, members in groups for pair in members]
    places = decimals_of(each.seconds_per_epoch for pair in pairs for each in pair)

    def error(pair):
        row, predicted = pair
        return predicted.error_percent(row.seconds_per_epoch.mean)

    def predicted(name, unit, attribute):
        return Column(name, unit, lambda pair: getattr(pair[1], attribute), 1, places)

    return _sheet(
        table,
        "predicted",
        "measured, and predicted by the scale model",
        Column(table.across, "", lambda pair: pair[0].count),
        Column("measured", "s", lambda pair: pair[0].seconds_per_epoch, 1, places),
        predicted("predicted", "s", "seconds_per_epoch"),
        Column("error", "%", lambda pair: signed_percent(error(pair))),
        Column("measured", "speed-up", lambda pair: pair[0].speed_up, decimals=2),
        Column("predicted", "speed-up", lambda pair: pair[1].speed_up, decimals=2),
        predicted("compute", "pred. s", "compute_seconds"),
        predicted("stragglers", "pred. s", "straggler_seconds"),
        predicted("comm.", "pred. s", "exposed_communication_seconds"),
        predicted("input", "pred. s", "input_seconds"),
        groups=groups,
        notes=(
            predictions.about,
            f"Largest error {signed_percent(max(map(error, pairs), key=abs))} %; positive: "
            "predicted too slow.",
        ),
    )


def _sheet(table, what, title, *columns, notes, groups=None) -> Sheet:
    return tabulate(
        columns,
        groups or [(group.label, group.rows) for group in table.groups],
        key=key_of(table.name, what),
        title=f"{table.name}: {title}",
        notes=notes,
    )


def _about_comparing(table) -> list[str]:
    notes = []
    if table.across != "machines":
        notes.append(f"Here are {table.across}, Distributed CapsNet counts machines.")
    if table.epoch_images != {distributed_capsnet.TRAIN_IMAGES}:
        notes.append(
            f"A published epoch has {distributed_capsnet.TRAIN_IMAGES:,} images, "
            f"here {_images(table)}: compare speed-up and efficiency, not seconds."
        )
    return notes


def _images(table) -> str:
    known = sorted(table.epoch_images - {None})
    return " or ".join(f"{each:,}" for each in known) or "an unknown number of"


def _about_times(table) -> list[str]:
    notes = [
        f"Epoch: training alone on {_images(table)} images, median of a run's epochs without the "
        "first after a start."
    ]
    counts = {row.repetitions for row in table.rows} - {1}
    if counts:
        spread = "half the range" if counts == {2} else "sample standard deviation"
        also = " (half the range for 2)" if counts > {2} else ""
        notes.append(f"Mean over the runs ± {spread}{also}.")
    if any(row.one_epoch_only for row in table.rows):
        counts = sorted({row.count for row in table.rows if row.one_epoch_only})
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
