"""What `caps-hvd predict` prints."""

import csv
import dataclasses
import io
import json
import sys
from collections.abc import Iterator

from caps_hvd.errors import ConfigError
from caps_hvd.report.published import distributed_capsnet as source
from caps_hvd.scaling import machine_profile as calibrations
from caps_hvd.scaling.model import Job, Prediction, predict
from caps_hvd.scaling.networks import named

# The source reduced with Horovod 0.11 on an Open MPI of before 4.1, which took rings.
_SOURCE_JOB = {
    "images": source.TRAIN_IMAGES,
    "test_images": source.TEST_IMAGES,
    "batch_size": source.BATCH_SIZE,
    "evaluation": "repeated",
    "algorithm": "ring",
}
_SOURCE_BYTES = 4 * 8_215_568  # float32 gradients of the paper's CapsNet with its decoder
_TERMS = {
    "compute": "compute_seconds",
    "stragglers": "straggler_seconds",
    "communication": "exposed_communication_seconds",
    "input": "input_seconds",
    "evaluation": "evaluation_seconds",
}


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
    if form != "text":
        _print_values([dataclasses.asdict(row) for row in rows], form)
        return
    print(_heading(measured, f"network {network}"))
    print(_table(_head(), [_cells(row) for row in rows]))
    print("Seconds per epoch; communication and input only where they make it longer.")


def _notes(measured, rows: list[Prediction], job: Job) -> Iterator[str]:
    """What a reader of these rows must know: where they leave what was measured.

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
    """The source's set-up 1: machines, published seconds per epoch, and the prediction.

    From its time on one machine, which included the evaluation, and nothing else that it measured.
    """
    measured = calibrations.read(calibration or calibrations.DEFAULT)
    seconds = source.SET_UPS[0].seconds_per_epoch
    return [
        (
            machines,
            published,
            predict(
                measured,
                machines=machines,
                network=named(source.NETWORK),
                alone_seconds=seconds[1],
                message_bytes=_SOURCE_BYTES,
                **_SOURCE_JOB,
            ),
        )
        for machines, published in seconds.items()
    ]


def print_published(calibration: str | None, form: str = "text") -> None:
    """Prints the source's measurements of set-up 1 beside the predictions, with their errors."""
    points = published_predictions(calibration)
    if form != "text":
        values = [
            {"published_seconds_per_epoch": seconds, "error": row.seconds_per_epoch / seconds - 1}
            | dataclasses.asdict(row)
            for _, seconds, row in points
        ]
        _print_values(values, form)
        return
    measured = calibrations.read(calibration or calibrations.DEFAULT)
    print(source.CITATION)
    print(_heading(measured, f"network {source.NETWORK}, every machine evaluates, ring"))
    rows = [
        [*_cells(row), f"{seconds:.1f}", f"{100 * (row.seconds_per_epoch / seconds - 1):+.1f} %"]
        for _, seconds, row in points
    ]
    print(_table([*_head(), "published", "error"], rows))
    print("From the published seconds on one machine alone; the others are not fitted.")


def _heading(measured, more: str) -> str:
    return (
        f"{measured.model}, calibrated on {measured.cores} cores of {measured.cpu_model} "
        f"({measured.threads} threads, {measured.created_utc}); {more}"
    )


def _head() -> list[str]:
    return ["machines", "s/epoch", "speed-up", "efficiency", *_TERMS]


def _cells(row: Prediction) -> list[str]:
    terms = [f"{getattr(row, name):.2f}" for name in _TERMS.values()]
    return [
        str(row.machines),
        f"{row.seconds_per_epoch:.1f}",
        f"{row.speed_up:.2f}",
        f"{100 * row.efficiency:.0f} %",
        *terms,
    ]


def _table(head, rows) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in [head, *rows]
    )


def _print_values(values: list[dict], form: str) -> None:
    if form == "json":
        print(json.dumps(values, indent=2))
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(values[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(values)
    sys.stdout.write(text.getvalue())
