"""sweep.h5: written and read back; rates by hand-computed values; what is damaged is refused."""

import dataclasses

import h5py
import pytest

from caps_hvd.errors import RunError
from caps_hvd.records import record, sweep_record
from caps_hvd.records.sweep_record import EpochResult, PointResult, SweepResult
from caps_hvd.records.versions import versions


def epoch(number, seconds, first=False, **changes):
    values = {
        "epoch": number, "seconds": seconds, "first_of_session": first,
        "compute_seconds": seconds / 2, "exposed_communication_seconds": seconds / 4,
        "input_seconds": seconds / 8, "other_seconds": seconds / 8, "evaluation_seconds": 0.5,
        "images_per_second": 100 / seconds, "learning_rate": 0.001, "train_loss": 0.5,
        "test_accuracy": None,
    }  # fmt: skip
    return EpochResult(**{**values, **changes})


def point(name="a", **changes):
    values = {
        "name": name, "axes": {"machines": 2, "repetition": 0}, "status": "planned",
        "ranks": 2, "machines": 2,
    }  # fmt: skip
    return PointResult(**{**values, **changes})


def finished(**changes):
    values = {
        "status": "finished",
        "epochs": [epoch(1, 10.0, True), epoch(2, 2.0), epoch(3, 9.0, True), epoch(4, 4.0)],
        "steps_per_epoch": 5, "images_per_step": 20, "bytes_per_step": 800, "train_samples": 100,
        "test_samples": 10, "parameters": 200, "test_accuracy": 0.9, "training_seconds": 25.0,
        "energy_joules": None, "hosts": ["h1", "h2"], "backend": "mpi",
        "started_utc": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    return point(**{**values, **changes})


def sweep(*points):
    return SweepResult(
        name="lab", definition='name = "lab"\n# Größe\n', created_utc="2026-01-02T03:04:05Z",
        versions={"python": "3.11", "keras": "3.15"}, points=list(points),
    )  # fmt: skip


def write(tmp_path, *points):
    path = tmp_path / "sweep.h5"
    sweep_record.write(path, sweep(*points))
    return path


def test_a_sweep_comes_back_as_it_was(tmp_path):
    written = sweep(
        finished(axes={"machines": 1, "repetition": 0, "policy": "fixed", "threads": 1}),
        point("b", status="failed", error="out of memory",
              axes={"machines": 5, "repetition": 1, "policy": "cycle", "threads": "auto"}),
        finished(name="c", hosts=["h1"], energy_joules=12.5,
                 axes={"machines": 15, "repetition": 1, "policy": "cycle", "threads": 2}),
    )  # fmt: skip
    path = tmp_path / "sweep.h5"
    sweep_record.write(path, written)
    assert sweep_record.read(path) == written
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.h5"]


def test_a_sweep_of_which_nothing_is_done_comes_back(tmp_path):
    assert sweep_record.read(write(tmp_path, point())).points == [point()]
    assert sweep_record.read(write(tmp_path)).points == []


def test_columns_name_their_units(tmp_path):
    with h5py.File(write(tmp_path, finished())) as file:
        assert file["epochs/seconds"].attrs["unit"] == "s"
        assert file["epochs/exposed_communication_seconds"].attrs["unit"] == "s"
        assert file["epochs/images_per_second"].attrs["unit"] == "images/s"
        assert file["points/bytes_per_step"].attrs["unit"] == "bytes"
        assert file["points/energy_joules"].attrs["unit"] == "J"
        assert file["points/train_samples"].attrs["unit"] == "images"
        assert file["epochs/point"][()].tolist() == [0, 0, 0, 0]
        assert file["axes/machines"][()].tolist() == [2]


def test_the_first_epoch_of_a_session_stands_apart():
    measured = finished()
    assert [each.epoch for each in measured.steady_epochs] == [2, 4]
    assert measured.seconds_per_epoch == 3.0
    assert measured.first_epoch_seconds == 10.0
    assert measured.images_per_second == (50 + 25) / 2
    assert measured.evaluation_seconds == 0.5


def test_where_every_epoch_is_a_first_one_all_count():
    measured = finished(epochs=[epoch(1, 10.0, True)])
    assert measured.seconds_per_epoch == 10.0


def test_what_was_not_measured_is_not_made_up():
    assert point().seconds_per_epoch is None
    assert point().first_epoch_seconds is None and point().evaluation_seconds is None


def a_record():
    facts = {
        "learning_rate": 0.1, "train_loss": 1.0, "train_score_loss": 0.5,
        "train_reconstruction_loss": None, "train_accuracy": 0.5, "compute_seconds": 1.0,
        "exposed_communication_seconds": None, "input_seconds": None, "other_seconds": None,
        "images_per_second": 5.0,
    }  # fmt: skip
    start = {"started_utc": "2026-01-02T03:04:05Z", "ranks": 2, "compression": "none"}
    return record.Record(
        started_utc="2026-01-02T03:04:05Z", command_line=["caps-hvd", "train"], config={},
        versions=versions("none"),
        machine=record.Machine(
            hosts=["a", "b"], cpu_model="", cores_per_host=2, device="cpu", ranks=2,
            threads_per_rank=1, backend="mpi",
        ),
        model=record.ModelFacts(
            name="capsnet", preset="small", image_shape=[8, 8, 1], classes=10, parameters=5
        ),
        data=record.DataFacts(
            name="digits", class_names=["0", "1"], train_samples=10, test_samples=4,
            steps_per_epoch=2, images_per_step=6,
        ),
        reduction=record.Reduction(
            op="average", compression="none", compression_probe_seconds={}, accumulate_steps=1,
            reduce_on="auto", groups=1, group_mib=4.0, bytes_per_step=20, loss_scaling=False,
        ),
        epochs=[record.Epoch(epoch=n, seconds=float(n), **facts) for n in (1, 2, 3)],
        sessions=[record.Session(first_epoch=n, **start) for n in (1, 3)],
        result=record.Result(
            train_accuracy=0.5, test_accuracy=0.75, test_loss=1.0, test_correct=3,
            confusion=[[1, 1], [0, 2]], training_seconds=6.0, total_seconds=9.0,
        ),
    )  # fmt: skip


def test_a_record_becomes_a_point(tmp_path):
    taken = sweep_record.from_record(
        a_record(), name="p", axes={"machines": 2}, machines=2, ranks=2
    )
    assert [each.first_of_session for each in taken.epochs] == [True, False, True]
    assert taken.seconds_per_epoch == 2.0
    assert (taken.status, taken.test_accuracy, taken.bytes_per_step) == ("finished", 0.75, 20)
    assert (taken.hosts, taken.backend) == (["a", "b"], "mpi")
    assert sweep_record.read(write(tmp_path, taken)).points == [taken]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.attrs.update(schema="caps_hvd.sweep/9"), ["schema", "sweep/9"]),
        (lambda file: file.pop("points/name"), ["points [0]", "a name"]),
        (lambda file: file.pop("epochs"), ["epochs"]),
        (lambda file: file.create_dataset("points/colour", data=[1]), ["points [0]", "'colour'"]),
        (lambda file: file["points/status"].write_direct(status("done")), ["status", "'done'"]),
        (lambda file: file["epochs/point"].write_direct(rows([7, 7, 7, 7])), ["sweep"]),
        (lambda file: file["epochs/point"].write_direct(rows([-1, 0, 0, 0])), ["row -1"]),
        (lambda file: replace(file, "epochs/seconds", [1.0]), ["sweep"]),
        (lambda file: (file.pop("axes/machines"), file.create_group("axes/machines")), ["sweep"]),
        (lambda file: replace(file, "points/ranks", ["two"]), ["points [0] ranks", "int"]),
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused(tmp_path, change, words):
    path = write(tmp_path, finished())
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(RunError) as caught:
        sweep_record.read(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def status(text):
    import numpy as np

    return np.array([text], dtype=h5py.string_dtype())


def rows(values):
    import numpy as np

    return np.array(values)


def replace(file, name, values):
    del file[name]
    file[name] = values


@pytest.mark.parametrize("size", [0, 100, 3000])
def test_half_a_file_is_refused_in_one_line(tmp_path, size):
    path = write(tmp_path, finished())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RunError, match="sweep.h5: (cannot be read|not a sweep)"):
        sweep_record.read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="none.h5: cannot be read"):
        sweep_record.read(tmp_path / "none.h5")


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match="cannot write"):
        sweep_record.write(tmp_path / "nowhere" / "sweep.h5", sweep(point()))


def test_fields_are_those_of_the_record():
    """What `from_record` copies by name must be there."""
    names = {field.name for field in dataclasses.fields(EpochResult)} - {"first_of_session"}
    assert names <= {field.name for field in dataclasses.fields(record.Epoch)}
