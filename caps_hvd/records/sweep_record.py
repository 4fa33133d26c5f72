"""Sweep record, `sweep.h5`: every point of a sweep with its epochs, in one file of columns.

    /            schema, name, created_utc (attributes), definition (text), versions (attributes)
    /points/*    one row per point: name, status, ranks, test_accuracy, ...
    /axes/*      the same rows: what the point differs from the others in
    /epochs/*    one row per epoch of every point: point (row of /points), epoch, seconds, ...
    /hosts/*     one row per rank of every point: point, host

`columns.py` says how a column is stored.
"""

import dataclasses
import statistics
from pathlib import Path

from caps_hvd.errors import RunError, check_choice
from caps_hvd.io import typed
from caps_hvd.io.atomic import replacing
from caps_hvd.records import columns
from caps_hvd.records.point_status import PointStatus
from caps_hvd.records.record import EPOCH_PARTS, EpochMeasures, Record

SCHEMA = "caps_hvd.sweep/1"
# What h5py raises for a damaged file, and what follows where a group stands for a column.
_DAMAGED = (
    AttributeError, IndexError, KeyError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
STATUSES = (
    PointStatus.PLANNED, PointStatus.RUNNING, PointStatus.FINISHED, PointStatus.FAILED,
)  # fmt: skip
PARTS = tuple(EPOCH_PARTS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpochResult(EpochMeasures):
    """One epoch of a point.

    Args:
        first_of_session: whether it was the first after a start of the program, in which
            TensorFlow traces its graphs and allocates; rates leave it out.
    """

    first_of_session: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointResult:
    """One point of a sweep: what it was, and what was measured if it is finished.

    Args:
        name: unique in the sweep, and the name of its run directory.
        axes: what it differs from other points in; always `machines` and `repetition`.
        status: planned, running, finished or failed.
        error: why it failed, in one line; empty otherwise.
        ranks, machines: as planned, over all machines.
        config: what `caps-hvd train` was told, TOML; empty in files of before it was kept.
        epochs: of all sessions; empty unless finished.
        bytes_per_step: what one rank gave to the collectives per step, as compressed; of the rank
            with most.
        lane_groups: ranks that shared a batch, each with other lanes of the model; 1 for none.
        training_seconds: sum over the epochs.
        energy_joules: of training, where the machines tell.
        val_accuracy: of the epoch whose weights are kept, on the validation part; None without one.
        validation_samples: of that part.
        best_epoch: that the weights are of; None for the last one.
        hosts: of every rank, in the order of the ranks.
        backend: what carried the collectives: none, mpi, gloo or nccl.
        started_utc: when its last session started, in ISO 8601.
        state: in which training seemed to be stuck at its end, as in the run's record.
    """

    name: str
    axes: dict
    status: str
    error: str = ""
    ranks: int
    machines: int
    config: str = ""
    epochs: list[EpochResult] = dataclasses.field(default_factory=list)
    steps_per_epoch: int | None = None
    images_per_step: int | None = None
    bytes_per_step: int | None = None
    lane_groups: int | None = None
    train_samples: int | None = None
    test_samples: int | None = None
    parameters: int | None = None
    test_accuracy: float | None = None
    training_seconds: float | None = None
    energy_joules: float | None = None
    val_accuracy: float | None = None
    validation_samples: int | None = None
    best_epoch: int | None = None
    hosts: list[str] = dataclasses.field(default_factory=list)
    backend: str | None = None
    started_utc: str | None = None
    state: str | None = None

    @property
    def part(self) -> str:
        """The part that a point is compared with others by, so that the test part never chooses."""
        return "test" if self.val_accuracy is None else "validation"

    @property
    def compared_accuracy(self) -> float | None:
        """Accuracy on that part, of the weights that are kept."""
        return self.test_accuracy if self.val_accuracy is None else self.val_accuracy

    @property
    def steady_epochs(self) -> list[EpochResult]:
        """The epochs that rates are taken from: not the first of a session, if others are left."""
        return [epoch for epoch in self.epochs if not epoch.first_of_session] or self.epochs

    @property
    def seconds_per_epoch(self) -> float | None:
        """Median of the steady epochs, in seconds."""
        return _median(epoch.seconds for epoch in self.steady_epochs)

    @property
    def first_epoch_seconds(self) -> float | None:
        """The very first epoch, in seconds."""
        return self.epochs[0].seconds if self.epochs else None

    @property
    def images_per_second(self) -> float | None:
        """Training images over all ranks, median of the steady epochs."""
        return _median(epoch.images_per_second for epoch in self.steady_epochs)

    @property
    def evaluation_seconds(self) -> float | None:
        """One evaluation after an epoch, median of the steady epochs that had one."""
        return _median(epoch.evaluation_seconds for epoch in self.steady_epochs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepResult:
    """The record of a sweep.

    Args:
        definition: text of the definition, TOML.
        created_utc: when the sweep was begun, in ISO 8601.
        versions: name -> version of what the finished points were made with.
        points: in the order of the plan.
    """

    name: str
    definition: str
    created_utc: str
    versions: dict
    points: list[PointResult]


def from_record(
    record: Record, *, name: str, axes: dict, machines: int, ranks: int, config: str = ""
) -> PointResult:
    """Returns a finished point, from the record of its run.

    Args:
        record: what training has written.
        name, axes, machines, ranks, config: of the point, as planned.
    """
    starts = {session.first_epoch for session in record.sessions}
    best = record.result.best_epoch
    taken = [field.name for field in dataclasses.fields(EpochMeasures)]
    return PointResult(
        name=name,
        axes=dict(axes),
        status=PointStatus.FINISHED,
        ranks=ranks,
        machines=machines,
        config=config,
        epochs=[
            EpochResult(
                first_of_session=epoch.epoch in starts,
                **{field: getattr(epoch, field) for field in taken},
            )
            for epoch in record.epochs
        ],
        steps_per_epoch=record.data.steps_per_epoch,
        images_per_step=record.data.images_per_step,
        bytes_per_step=record.reduction.bytes_per_step,
        lane_groups=1 if record.lanes is None else record.lanes.groups,
        train_samples=record.data.train_samples,
        test_samples=record.data.test_samples,
        parameters=record.model.parameters,
        test_accuracy=record.result.test_accuracy,
        training_seconds=record.result.training_seconds,
        energy_joules=record.result.energy_joules,
        val_accuracy=None if best is None else record.epochs[best - 1].val_accuracy,
        validation_samples=record.data.validation_samples,
        best_epoch=best,
        hosts=list(record.machine.hosts),
        backend=record.machine.backend,
        started_utc=record.started_utc,
        state=record.epochs[-1].state if record.epochs else None,
    )


def write(path, sweep: SweepResult) -> None:
    """Writes a sweep, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    import h5py

    points = list(enumerate(sweep.points))
    epochs = [(row, epoch) for row, point in points for epoch in point.epochs]
    hosts = [(row, host) for row, point in points for host in point.hosts]
    # HDF5 writing by itself leaves open objects behind on a full disk; Python's file does not.
    with replacing(path) as partial, open(partial, "w+b") as raw, h5py.File(raw, "w") as file:
        file.attrs.update(schema=SCHEMA, name=sweep.name, created_utc=sweep.created_utc)
        file["definition"] = sweep.definition
        file.create_group("versions").attrs.update(sweep.versions)
        columns.write_table(file.create_group("points"), PointResult, sweep.points)
        axes = file.create_group("axes", track_order=True)
        for name in dict.fromkeys(name for point in sweep.points for name in point.axes):
            columns.write_mixed(axes, name, [point.axes.get(name) for point in sweep.points])
        columns.write_table(
            file.create_group("epochs"), EpochResult, [epoch for _, epoch in epochs]
        )
        columns.write(file["epochs"], "point", int, [row for row, _ in epochs])
        columns.write(file.create_group("hosts"), "point", int, [row for row, _ in hosts])
        columns.write(file["hosts"], "host", str, [host for _, host in hosts])


def read(path) -> SweepResult:
    """Reads a sweep and checks it against the schema.

    Raises:
        RunError: the file cannot be read, is of another kind, or is damaged; the message names
            what is missing or of the wrong type.
    """
    import h5py

    if Path(path).is_file() and not h5py.is_hdf5(path):
        raise RunError(
            f"{path}: not a sweep's HDF5 file; give the sweep.h5 of a folder that `caps-hvd sweep` "
            "has made, or the folder"
        )
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("schema")
            if found != SCHEMA:
                raise RunError(f"{path}: schema: expected {SCHEMA!r}, received {found!r}")
            return _read(file, str(path))
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise RunError(
            f"{path}: cannot be read as a sweep: {reason}; `caps-hvd sweep` on the same definition "
            "writes it anew from the run records"
        ) from None


def _read(file, where: str) -> SweepResult:
    rows = [
        {**row, "axes": {}, "epochs": [], "hosts": []} for row in columns.read_table(file["points"])
    ]
    for name, column in file["axes"].items():
        for row, value in zip(rows, columns.read(column), strict=True):
            if value is not None:
                row["axes"][name] = value
    for epoch in columns.read_table(file["epochs"]):
        rows[_index(epoch.pop("point"))]["epochs"].append(epoch)
    for host in columns.read_table(file["hosts"]):
        rows[_index(host["point"])]["hosts"].append(host["host"])
    values = {
        "name": file.attrs["name"],
        "created_utc": file.attrs["created_utc"],
        "definition": file["definition"].asstr()[()],
        "versions": dict(file["versions"].attrs),
        "points": rows,
    }
    sweep = typed.convert(values, SweepResult, where)
    for index, point in enumerate(sweep.points):
        check_choice(f"{where}: points [{index}] status", point.status, STATUSES, RunError)
    return sweep


def _index(row: int) -> int:
    if row < 0:  # Python would count from the end
        raise IndexError(f"row {row} of the points")
    return row


def _median(values) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
