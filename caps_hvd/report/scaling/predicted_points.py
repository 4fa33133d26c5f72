"""Predictions of the scale model for the points of a sweep."""

import dataclasses
import functools
from pathlib import Path

from caps_hvd.errors import ConfigError
from caps_hvd.report.scaling.table import ScalingGroup, ScalingTable
from caps_hvd.scaling import machine_profile as calibrations
from caps_hvd.scaling.model import Prediction, predict
from caps_hvd.scaling.networks import named

# The terms of a predicted epoch.
TERMS = tuple(
    field.name for field in dataclasses.fields(Prediction) if field.name.endswith("_seconds")
)
_MOST_ON_A_LINE = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predicted:
    """A predicted epoch, in the terms of `table.ScalingRow`.

    Args:
        count: of machines or ranks, as the row's.
        seconds_per_epoch: of training, without evaluation; the sum of the first four terms.
        speed_up, efficiency: against the prediction for the lowest count of the group.
    """

    count: int
    seconds_per_epoch: float
    speed_up: float
    efficiency: float
    compute_seconds: float
    straggler_seconds: float
    exposed_communication_seconds: float
    input_seconds: float
    evaluation_seconds: float

    def error_percent(self, measured_seconds: float) -> float:
        """By how much the prediction is too slow; negative: too fast."""
        return 100 * (self.seconds_per_epoch / measured_seconds - 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """The predictions for each group of a table, in the order of the groups.

    Args:
        of_rows: one for each row.
        lines: by count, for a smooth line in a picture.
        about: what was predicted from, one sentence.
    """

    of_rows: tuple[tuple[Predicted, ...], ...]
    lines: tuple[tuple[Predicted, ...], ...]
    about: str


def predict_table(
    table: ScalingTable,
    calibration_file,
    network_name: str,
    *,
    cores_per_host=None,
    shared_cores=None,
    from_alone: bool = False,
) -> Predictions:
    """Predicts the rows of a table.

    Args:
        table: of a sweep.
        calibration_file: as `caps-hvd calibrate` writes it.
        network_name: between the machines.
        cores_per_host: default: as calibrated.
        shared_cores: instead, cores that all machines share, where they are emulated on one.
        from_alone: take the speed of computing from the table's own epoch on one machine, and its
            shape alone from the calibration. Machines that others use, too, are not always as fast
            as they were when they were calibrated.

    Raises:
        ConfigError: an unknown network, or a table that cannot be predicted.
        RunError: the file cannot be read.
    """
    calibration = calibrations.read(calibration_file)
    network = named(network_name)
    _check(table, calibration, calibration_file)
    cores = {"cores_per_host": cores_per_host, "shared_cores": shared_cores}
    of_machines = functools.partial(predict, calibration, network=network, **cores)
    of_rows, lines = [], []
    for group in table.groups:
        # Epochs of a record are without their evaluation.
        known = {"alone_seconds": _alone(group, table), "evaluation": "none"} if from_alone else {}
        strong = len({row.point.images_per_step for row in group.rows}) == 1 < len(group.rows)
        jobs = [_job(row.point, strong) | known for row in group.rows]
        rows = [
            (row.count, of_machines(machines=row.point.machines, **job))
            for row, job in zip(group.rows, jobs, strict=True)
        ]
        more = [
            (count, of_machines(machines=count, **jobs[-1])) for count in _between(group, table)
        ]
        of_rows.append(_relative(rows, rows[0]))
        lines.append(_relative(more or rows, rows[0]))
    count = shared_cores or cores_per_host or calibration.cores
    return Predictions(
        of_rows=tuple(of_rows),
        lines=tuple(lines),
        about=f"Predicted from {Path(calibration_file).name} ({calibration.cpu_model}) for "
        f"{network.name} and {count:g} core{'' if count == 1 else 's'} "
        f"{'that all machines share' if shared_cores else 'per machine'}"
        + (
            ", from the measured seconds on one machine; nothing is fitted on the others."
            if from_alone
            else "; nothing is fitted on the measured points."
        ),
    )


def _job(point, strong) -> dict:
    """The fields of a `scaling.model.Job` like a point."""
    of_rank = round(point.images_per_step / point.ranks)
    return {
        "images": point.train_samples,
        "scaling": "strong" if strong else "weak",
        "batch_size": point.images_per_step if strong else of_rank,
        "ranks_per_machine": point.ranks // point.machines,
        "message_bytes": point.bytes_per_step or None,
    }


def _relative(predictions, base) -> tuple[Predicted, ...]:
    """Training alone of (count, Prediction), against such a base."""
    fewest, alone = base[0], base[1].training_seconds
    return tuple(
        Predicted(
            count=count,
            seconds_per_epoch=each.training_seconds,
            speed_up=alone / each.training_seconds,
            efficiency=alone / each.training_seconds * fewest / count,
            **{term: getattr(each, term) for term in TERMS},
        )
        for count, each in predictions
    )


def _alone(group: ScalingGroup, table: ScalingTable) -> float:
    """The measured seconds of an epoch on one machine with one rank."""
    for row in group.rows:
        if row.point.ranks == 1:
            return row.seconds_per_epoch.mean
    raise ConfigError(
        f"--from-alone: {table.name} has no finished point with one rank"
        + (f" for {group.label}" if group.label else "")
        + "; add 1 to its machine_counts, or leave the option out"
    )


def _between(group: ScalingGroup, table: ScalingTable) -> range | tuple:
    """The counts of a smooth line; none where a rank's batch differs from row to row."""
    batches = {row.point.images_per_step / row.point.ranks for row in group.rows}
    counts = [row.count for row in group.rows]
    if table.across != "machines" or len(batches) > 1 or counts[-1] > _MOST_ON_A_LINE:
        return ()
    return range(counts[0], counts[-1] + 1)


def _check(table, calibration, path):
    for row in table.rows:
        if None in (row.point.train_samples, row.point.images_per_step):
            raise ConfigError(
                f"{table.name}: no images per epoch and step are known of {row.count} "
                f"{table.across}, so nothing can be predicted for it"
            )
        if (row.point.lane_groups or 1) > 1:
            raise ConfigError(
                f"{table.name}: {row.count} {table.across} divide the lanes of a model "
                f"(lane_groups {row.point.lane_groups}), and the model of scaling knows only ranks "
                "that each have the whole one; leave the prediction out"
            )
        if row.point.parameters != calibration.parameters:
            raise ConfigError(
                f"{path}: calibrated with {calibration.parameters} parameters, but "
                f"{table.name} trained {row.point.parameters}; `caps-hvd calibrate` with the "
                "options of the sweep makes one that fits"
            )
