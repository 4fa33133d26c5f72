"""What is said of a run without weights: whether there will be some, and what to do."""

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import RunError
from caps_hvd.io import lock
from caps_hvd.records import record
from caps_hvd.training.run_directory import RunDirectory, check_has_weights

OLD = Path(__file__).parents[2] / "data" / "before_0_2"


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory.at(tmp_path / "run")
    with directory.taken(TrainConfig(), None):
        pass
    return directory


def said(directory) -> str:
    with pytest.raises(RunError) as error:
        check_has_weights(directory)
    return str(error.value)


def test_one_that_is_in_training(run):
    with lock.held(run.lock, RunError):
        assert said(run) == (
            f"{run} has no weights yet: it is in training ({run.lock.read_text()}); wait for the "
            "end of its first epoch"
        )


def test_one_that_has_ended(run):
    expected = (
        f"{run} has no weights: its training ended before the first epoch was whole; start it "
        f"again with `caps-hvd train --resume --run-dir {run}`"
    )
    assert said(run) == expected
    run.lock.unlink()  # such as of a folder that was copied without it
    assert said(run) == expected


def test_one_of_which_nobody_knows(run, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    assert said(run) == (
        f"{run} has no weights: no epoch is whole so far; wait while it is in training, else start "
        f"it again with `caps-hvd train --resume --run-dir {run}`"
    )


def test_one_that_has_failed_or_lost_them(run):
    shutil.copy(OLD / "capsnet-resumed" / "record.json", run.record)
    assert said(run) == (
        f"{run} has no weights, though its training is finished: put model.weights.h5 and "
        "checkpoint.h5 back into the folder"
    )
    failure = record.Failure(reason="loss is nan since step 3", epoch=1, step=3)
    found = record.read(run.record)
    record.write(run.record, dataclasses.replace(found, result=None, failure=failure))
    assert said(run) == (
        f"{run} has no weights, since its training has failed: loss is nan since step 3"
    )
    with lock.held(run.lock, RunError):  # as another session goes on with it
        assert "wait for the end of its first epoch" in said(run)
