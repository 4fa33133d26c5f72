"""Table of predicted epochs that `caps-hvd estimate` prints."""

import dataclasses
import sys
from collections.abc import Iterator

from caps_hvd.errors import ConfigError
from caps_hvd.report import values
from caps_hvd.report.published import distributed_capsnet as published
from caps_hvd.report.sheet import align
from caps_hvd.scaling import machine_profile as calibrations
from caps_hvd.scaling.model import Job, Prediction, predict
from caps_hvd.scaling.networks import named

# Distributed CapsNet reduced with Horovod 0.11 on an Open MPI of before 4.1, which took rings.
_PUBLISHED_JOB = {
    "images": published.TRAIN_IMAGES,
    "test_images": published.TEST_IMAGES,
    "batch_size": published.BATCH_SIZE,
    "evaluation": "repeated",
    "algorithm": "ring",
    "message_bytes": 4 * 8_215_568,  # float32 gradients of the paper's CapsNet with its decoder
}
_COLUMNS = {
    "machines": lambda row: str(row["machines"]),
    "s/epoch": lambda row: f"{row['seconds_per_epoch']:.1f}",
    "speed-up": lambda row: f"{row['speed_up']:.2f}",
    "efficiency": lambda row: f"{100 * row['efficiency']:.0f} %",
    "compute": lambda row: f"{row['compute_seconds']:.2f}",
    "stragglers": lambda row: f"{row['straggler_seconds']:.2f}",
    "communication": lambda row: f"{row['exposed_communication_seconds']:.2f}",
    "input": lambda row: f"{row['input_seconds']:.2f}",
    "evaluation": lambda row: f"{row['evaluation_seconds']:.2f}",
}
_WRITERS = {"csv": values.to_csv, "json": values.to_json}


def print_predictions(
    *, machines, network: str, calibration: str | None, form: str = "text", **job
) -> None:
    """Prints a row for each number of machines.

    Args:
        machines: their numbers.
        network: its name.
        calibration: path; None for the one that comes with the package.
        form: text, csv or json.
        **job: as for `scaling.model.Job`.

    Raises:
        ConfigError, RunError: an option or the calibration is wrong.
    """
    link = named(network)
    measured = calibrations.read(calibration or calibrations.DEFAULT)
    rows = [predict(measured, machines=count, network=link, **job) for count in machines]
    for note in _notes(measured, rows, Job(**job)):
        print(f"note: {note}", file=sys.stderr)
    heading = _heading(measured, f"network {network}")
    note = "Seconds per epoch; communication and input only where they make it longer."
    _print(list(map(dataclasses.asdict, rows)), _COLUMNS, heading, note, form)


def _notes(measured, rows: list[Prediction], job: Job) -> Iterator[str]:
    """Notes on predictions that lie outside of what was measured.

    Raises:
        ConfigError: no epoch has a whole batch.
    """
    if job.batch_size > job.images:
        raise ConfigError(
            f"--batch-size: expected at most the {job.images} images of an epoch, received "
            f"{job.batch_size}; lower it, or raise --images"
        )
    sizes = [step.batch_size for step in measured.steps if step.ranks == 1]
    batches = [job.batch_size if job.scaling == "weak" else job.batch_size / r.ranks for r in rows]
    outside = [size for size in batches if not min(sizes) <= size <= max(sizes)]
    if outside:
        yield (
            f"steps of {max(outside):g} images on a rank lie outside of the {min(sizes)} to "
            f"{max(sizes)} that were measured; `caps-hvd calibrate --batch-sizes` measures more"
        )
    for row, size in zip(rows, batches, strict=True):
        if row.ranks * size > job.images:
            yield (
                f"{row.ranks} ranks: their batches together, {row.ranks * size:g} images, are more "
                f"than an epoch's {job.images}; it is one step, which counts as a whole one"
            )
            return


def published_predictions(calibration: str | None = None) -> list[tuple[int, float, Prediction]]:
    """Set-up 1 of Distributed CapsNet: machines, published seconds per epoch, and the prediction.

    From its time on one machine, which included the evaluation, and nothing else that it measured.
    """
    measured = calibrations.read(calibration or calibrations.DEFAULT)
    job = _PUBLISHED_JOB | {"network": named(published.NETWORK)}
    seconds = published.SET_UPS[0].seconds_per_epoch
    return [
        (machines, each, predict(measured, machines=machines, alone_seconds=seconds[1], **job))
        for machines, each in seconds.items()
    ]


def print_published(calibration: str | None, form: str = "text") -> None:
    """Prints set-up 1 of Distributed CapsNet beside the predictions, with their errors."""
    rows = [
        {"published_seconds_per_epoch": seconds, "error": row.seconds_per_epoch / seconds - 1}
        | dataclasses.asdict(row)
        for _, seconds, row in published_predictions(calibration)
    ]
    columns = _COLUMNS | {
        "published": lambda row: f"{row['published_seconds_per_epoch']:.1f}",
        "error": lambda row: f"{100 * row['error']:+.1f} %",
    }
    measured = calibrations.read(calibration or calibrations.DEFAULT)
    job = f"network {published.NETWORK}, every machine evaluates, ring"
    heading = f"{published.CITATION}\n{_heading(measured, job)}"
    note = "From the published seconds on one machine alone; the others are not fitted."
    _print(rows, columns, heading, note, form)


def _print(rows: list[dict], columns, heading: str, note: str, form: str) -> None:
    """Prints rows as data, or as a table between its heading and a note."""
    if form != "text":
        print(_WRITERS[form](rows), end="")
        return
    cells = [[text(row) for text in columns.values()] for row in rows]
    print(heading, *align([[*columns], *cells]), note, sep="\n")


def _heading(measured, more: str) -> str:
    return (
        f"{measured.model}, calibrated on {measured.cores} cores of {measured.cpu_model} "
        f"({measured.threads} threads, {measured.created_utc}); {more}"
    )
