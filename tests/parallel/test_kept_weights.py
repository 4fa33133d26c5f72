"""The choice of an epoch, and weights from another run, on two ranks."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from caps_hvd.records import record
from caps_hvd.training import checkpoint
from tests.parallel.launch import launch

WORKER = Path(__file__).with_name("kept_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits, twice as large, for lanes."""
    from caps_hvd import data

    folder = tmp_path_factory.mktemp("kept")
    digits = data.load("digits", train_samples=80, test_samples=21)
    with h5py.File(folder / "digits16.h5", "w") as file:
        for name, split in (("train", digits.train), ("test", digits.test)):
            file[f"x_{name}"] = np.kron(split.images, np.ones((1, 2, 2, 1), np.uint8))
            file[f"y_{name}"] = split.labels
        file.attrs["class_names"] = digits.class_names
    return folder


def weights(file):
    state = checkpoint.read(file)
    return {name: value for name, value in state.items() if name.startswith("model/")}


def evaluated_alone(run, part="test"):
    """What one process finds with the weights that a run has kept."""
    from caps_hvd.distributed.communicator import Communicator
    from caps_hvd.inspection import load
    from caps_hvd.training.evaluate import evaluate

    found = load.load(str(run))
    split = found.dataset.validation if part == "validation" else found.dataset.test
    return evaluate(found.model, split, 8, Communicator())


def check_stopped(run, job):
    """Both ranks have stopped at the same epoch, and kept the weights of the first one."""
    ended = record.read(run / "record.json")
    values, best, loss = job.records[0]["stopped"]
    assert job.records[1]["stopped"] == [values, best, loss]
    assert (len(values), best, ended.result.stopped_early) == (2, 1, True)
    assert ended.data.validation_samples == 16
    # Float32 sums in another order: 24 bits, over some hundred terms.
    assert evaluated_alone(run, "validation").loss == pytest.approx(values[0], rel=1e-4)
    tested = evaluated_alone(run)
    assert tested.loss == pytest.approx(loss, rel=1e-4)
    np.testing.assert_array_equal(tested.confusion, ended.result.confusion)


def test_ranks_choose_alike_and_go_on_alike(folder):
    job = launch("mpirun", 2, WORKER, "runs", str(folder), seconds=300)
    assert job.code == 0, job.text
    check_stopped(folder / "stopped", job)
    assert job.records[0]["resumed"] == job.records[0]["stopped"]
    resumed = record.read(folder / "parts" / "record.json")
    assert len(resumed.sessions) == 2
    for name, value in weights(folder / "stopped" / "best.h5").items():
        np.testing.assert_array_equal(value, weights(folder / "parts" / "best.h5")[name])

    source, tuned = (
        weights(folder / "stopped" / "best.h5"),
        weights(folder / "tuned" / "checkpoint.h5"),
    )
    for name, value in source.items():
        frozen = name.startswith(("model/encoder/convolution/", "model/decoder/"))
        frozen = frozen or name.endswith("/gain")  # set by the images that the source began with
        assert np.array_equal(value, tuned[name]) == frozen, name
    began = record.read(folder / "tuned" / "record.json").sessions[0].initialization
    assert len(began.taken) == 6 and began.anew == []
    for rank in job.records:
        assert "nowhere is not a folder" in rank["nowhere"]
        assert "leave something to train" in rank["frozen"]


def test_lanes_on_two_ranks_keep_the_whole_model(folder):
    job = launch("mpirun", 2, WORKER, "lanes", str(folder), seconds=300)
    assert job.code == 0, job.text
    check_stopped(folder / "lanes", job)
    source, tuned = (
        weights(folder / "lanes" / "best.h5"),
        weights(folder / "tuned-lanes" / "checkpoint.h5"),
    )
    assert source.keys() == tuned.keys()
    for name, value in source.items():
        if "seed" not in name:
            frozen = name.startswith("model/lane_0/level_") or name.endswith("/gain")
            assert np.array_equal(value, tuned[name]) == frozen, name
    began = record.read(folder / "tuned-lanes" / "record.json").sessions[0].initialization
    assert {"lane_0/routing", "lane_1/routing", "decoder/pixels"} <= set(began.taken)
    for rank in job.records:
        assert "expected names of layers of this model, lane_" in rank["unknown"]
        assert "every layer that the model has on rank " in rank["frozen"]
