"""record.json: written and read back; anything that is not as the schema says is refused."""

import dataclasses
import json
from pathlib import Path

import pytest

from caps_hvd.errors import RunError
from caps_hvd.records import record
from caps_hvd.records.versions import versions

RECORDS = Path(__file__).parents[3] / "docs" / "records"


@pytest.fixture
def example():
    return record.Record(
        started_utc="2026-01-02T03:04:05Z",
        command_line=["caps-hvd", "train"],
        config={"epochs": 1},
        versions=versions("none"),
        machine=record.Machine(
            hosts=["a", "a"], cpu_model="a CPU", cores_per_host=2, device="cpu",
            ranks=2, threads_per_rank=1, backend="mpi",
        ),
        model=record.ModelFacts(
            name="capsnet", preset="small", image_shape=[8, 8, 1], classes=10, parameters=5
        ),
        data=record.DataFacts(
            name="digits", class_names=["0", "1"], train_samples=10, test_samples=5,
            steps_per_epoch=2, images_per_step=6,
        ),
        reduction=record.Reduction(
            op="average", compression="none", compression_probe_seconds={}, accumulate_steps=1,
            reduce_on="auto", groups=1, group_mib=4.0, bytes_per_step=20, loss_scaling=False,
        ),
        epochs=[
            record.Epoch(
                epoch=1, seconds=2.0, compute_seconds=1.0, exposed_communication_seconds=None,
                input_seconds=0.5, other_seconds=0.1, images_per_second=5.0,
                learning_rate=0.1, train_loss=1.0,
                train_score_loss=0.5, train_reconstruction_loss=None, train_accuracy=0.5,
            )
        ],
        sessions=[
            record.Session(
                started_utc="2026-01-02T03:04:05Z", first_epoch=1, ranks=2, compression="none"
            )
        ],
        result=record.Result(
            train_accuracy=0.5, test_accuracy=0.6, test_loss=1.0, test_correct=3,
            confusion=[[1, 2], [3, 4]], training_seconds=2.0, total_seconds=9.0,
        ),
    )  # fmt: skip


def test_a_record_comes_back_as_it_was(tmp_path, example):
    path = tmp_path / "record.json"
    record.write(path, example)
    assert record.read(path) == example
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def test_a_record_of_a_run_that_failed(tmp_path, example):
    failure = record.Failure(reason="loss is nan", epoch=2, step=None)
    failed = dataclasses.replace(example, result=None, failure=failure)
    record.write(tmp_path / "record.json", failed)
    assert record.read(tmp_path / "record.json") == failed


def test_a_record_of_the_second_schema_is_read(tmp_path, example):
    values = dataclasses.asdict(example) | {"schema": "caps_hvd.record/2"}
    del values["failure"]
    path = tmp_path / "record.json"
    path.write_text(json.dumps(values))
    assert record.read(path) == example


def test_a_record_of_the_first_schema_is_read(tmp_path, example):
    values = dataclasses.asdict(example) | {"schema": "caps_hvd.record/1"}
    for epoch in values["epochs"]:
        epoch["train_margin_loss"] = epoch.pop("train_score_loss")
    path = tmp_path / "record.json"
    path.write_text(json.dumps(values))
    assert record.read(path) == example


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_the_records_that_the_documentation_rests_on_are_read(path):
    if json.loads(path.read_text()).get("schema", "").startswith("caps_hvd.record/"):
        assert record.read(path).epochs[0].train_score_loss > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.pop("result"), ["a result"]),
        (lambda v: v["machine"].pop("ranks"), ["machine", "ranks"]),
        (lambda v: v["machine"].update(ranks="2"), ["machine ranks", "int", "'2'"]),
        (lambda v: v["machine"].update(ranks=True), ["machine ranks"]),
        (lambda v: v["epochs"][0].update(second=1.0), ["epochs [0]", "'second'"]),
        (lambda v: v["epochs"][0].update(seconds=None), ["epochs [0] seconds", "float"]),
        (lambda v: v["data"].update(class_names="ab"), ["data class_names", "a list"]),
        (lambda v: v.update(schema="caps_hvd.record/9"), ["schema", "record/9"]),
    ],
)
def test_what_is_not_the_schema_is_refused(tmp_path, example, change, words):
    values = dataclasses.asdict(example)
    change(values)
    path = tmp_path / "record.json"
    path.write_text(json.dumps(values))
    with pytest.raises(RunError) as caught:
        record.read(path)
    for word in ["record.json", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_files_that_are_no_record(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"record\.json"):
        record.read(path)
    with pytest.raises(RunError, match="cannot read"):
        record.read(tmp_path / "none.json")


def test_versions_name_what_is_installed():
    found = versions("mpi", "Open MPI 4")
    assert found.mpi == "Open MPI 4" and found.python.count(".") == 2
    assert versions("none").horovod is None
