"""Lanes on several ranks: the same training as in one process, and one format of what is kept."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from caps_hvd.inspection import load
from caps_hvd.lanes import plan as plans
from caps_hvd.records import record
from tests.parallel.launch import launch
from tests.parallel.train_worker import options

WORKER = Path(__file__).with_name("lane_worker.py")
TRAIN = Path(__file__).with_name("train_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(400)]

# Two types, two widths; five steps of 20 images. Convolutions in one form: each run would measure.
LANES = [
    "mlcn1, width 1, depth 1", "mlcn2, width 1, depth 1", "mlcn1, width 2, depth 1",
    "mlcn1, width 1, depth 1",
]  # fmt: skip
TRAINING = {
    "model": "mlcn", "preset": "small", "lane_dropout": 0.25, "optimizer": "sgd",
    "learning_rate": 0.05, "scale_learning_rate": "none", "warmup_epochs": 0.0,
    "compression": "none", "convolution": "direct", "threads": 1, "epochs": 1,
}  # fmt: skip
ADAM = {"optimizer": "adam", "learning_rate": 0.001}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits, twice as large, and a list of lanes."""
    from caps_hvd import data

    folder = tmp_path_factory.mktemp("lanes")
    digits = data.load("digits")
    with h5py.File(folder / "digits16.h5", "w") as file:
        for name, split, samples in (("train", digits.train, 100), ("test", digits.test, 30)):
            images, labels = split.take(np.arange(samples))
            file[f"x_{name}"] = np.kron(images, np.ones((1, 2, 2, 1), images.dtype))
            file[f"y_{name}"] = labels
        file.attrs["class_names"] = digits.class_names
    lanes = [dict(part.split() for part in f"type {text}".split(", ")) for text in LANES]
    folder.joinpath("lanes.toml").write_text(
        "".join(
            f'[[lane]]\ntype = "{lane["type"]}"\nwidth = {lane["width"]}\ndepth = {lane["depth"]}\n'
            for lane in lanes
        )
    )
    return folder


@pytest.fixture(scope="module")
def alone(folder):
    """One process's training of a configuration, each trained once."""
    load = {}

    def run(**changes):
        key = tuple(sorted(changes.items()))
        if key not in load:
            load[key] = folder / f"alone{len(load)}"
            in_one_process(folder, load[key], **changes)
        return load[key]

    return run


def in_one_process(folder, run, **changes):
    # Not in this one: TensorFlow takes a number of threads once.
    job = on_ranks("mpirun", 1, folder, run, batch_size=20, **changes)
    assert job.code == 0, job.text


def on_ranks(launcher, ranks, folder, run, **changes):
    values = {
        **TRAINING, "dataset": folder / "digits16.h5", "lane_list": folder / "lanes.toml",
        "run_dir": run, **changes,
    }  # fmt: skip
    resume = ["--resume"] * values.pop("resume", False)
    return launch(launcher, ranks, TRAIN, "cli", "train", *options(values), *resume, seconds=180)


def stored(run):
    """Every variable of a checkpoint with its name, in order, but what is a rank's own."""
    with h5py.File(run / "checkpoint.h5") as file:
        return [
            (f"{group}/{each.attrs['path']}", each[()])
            for group in file
            if not group.startswith("rank ")
            for each in file[group].values()
        ]


def written_plan(path, lanes_of):
    """A plan of these lanes for each device, by name."""
    assignment = tuple(tuple(lanes) for lanes in lanes_of.values())
    loads = tuple(map(float, map(len, assignment)))
    plans.write(
        path,
        plans.Plan(
            assignment=assignment, loads=loads, makespan=max(loads), method="greedy",
            lower_bound=1.0, proven=False,
        ),
        list(lanes_of),
    )  # fmt: skip
    return path


def same(one, two, tolerance):
    assert [name for name, _ in one] == [name for name, _ in two]
    for (name, expected), (_, received) in zip(one, two, strict=True):
        assert received.dtype == expected.dtype, name
        np.testing.assert_allclose(received, expected, rtol=0, atol=tolerance, err_msg=name)


def same_gains(one, two):
    """No step changes with which gains lanes begin: one of its own for each."""
    expected, received = (
        [float(value) for name, value in each if name.endswith("/gain")] for each in (one, two)
    )
    assert received == pytest.approx(expected, rel=1e-5)  # float32 sums in another order
    assert len({1.0, *expected}) == 1 + len(LANES)


CASES = pytest.mark.parametrize(
    ("launcher", "ranks", "groups", "changes", "tolerance"),
    [
        # The same arithmetic in other places, so that Adam, too, stays the same to the last bits.
        ("mpirun", 2, 2, ADAM, 1e-6),
        ("mpirun", 4, 4, {"accumulate_steps": 2}, 1e-5),
        ("horovodrun --gloo", 4, 2, {}, 1e-5),
    ],
)


@CASES
def test_five_steps_are_those_of_one_process(
    folder, alone, tmp_path, launcher, ranks, groups, changes, tolerance
):
    one, run = alone(**changes), tmp_path / "run"
    job = on_ranks(
        launcher, ranks, folder, run, lane_groups=groups, batch_size=20 * groups // ranks, **changes
    )
    assert job.code == 0, job.text
    same(stored(one), stored(run), tolerance)
    same_gains(stored(one), stored(run))
    expected, received = (record.read(each / "record.json") for each in (one, run))
    assert received.epochs[0].train_loss == pytest.approx(expected.epochs[0].train_loss, abs=1e-5)
    assert received.result.test_loss == pytest.approx(expected.result.test_loss, abs=1e-5)
    assert received.result.confusion == expected.result.confusion
    assert received.model == expected.model  # the whole model's parameters
    assert received.data.images_per_step == 20
    assert received.epochs[0].images_per_second > 0
    lanes = [lane for own in received.lanes.assignment for lane in own]
    assert sorted(lanes) == [0, 1, 2, 3]
    assert received.lanes.groups == groups and len(received.lanes.speeds) == groups
    assert all(received.lanes.assignment)
    most = max(map(len, received.lanes.assignment))
    exchanged = 4 * (20 * groups // ranks) * 10 * most
    if ranks == groups:
        assert received.reduction.bytes_per_step == exchanged
    else:
        assert received.reduction.bytes_per_step > exchanged
    kept = dict(stored(run))
    for weight in load.load(run).model.encoder.weights:
        np.testing.assert_array_equal(weight.numpy(), kept[f"model/{weight.path}"])


def test_a_run_goes_on_with_other_lanes_on_other_ranks(folder, alone, tmp_path):
    straight = tmp_path / "straight"
    in_one_process(folder, straight, epochs=2)

    ranks_first = tmp_path / "ranks_first"
    job = on_ranks("mpirun", 2, folder, ranks_first, lane_groups=2, batch_size=20)
    assert job.code == 0, job.text
    in_one_process(folder, ranks_first, epochs=2, resume=True, lane_groups=1)
    same(stored(straight), stored(ranks_first), 1e-5)
    assert record.read(ranks_first / "record.json").lanes is None

    process_first = tmp_path / "process_first"
    shutil.copytree(alone(), process_first)
    plan = written_plan(tmp_path / "plan.toml", {"one lane": [2], "three": [0, 1, 3]})
    job = on_ranks(
        "mpirun", 2, folder, process_first, lane_groups="ranks", lane_plan=plan, batch_size=20,
        epochs=2, resume=True,
    )  # fmt: skip
    assert job.code == 0, job.text
    same(stored(straight), stored(process_first), 1e-5)
    whole = record.read(process_first / "record.json")
    assert len(whole.epochs) == 2
    assert (whole.lanes.method, whole.lanes.assignment) == ("plan", [[2], [0, 1, 3]])
    assert whole.lanes.speeds == []


def test_a_plan_for_other_ranks_and_options_that_cannot_be(folder, tmp_path):
    plan = written_plan(tmp_path / "plan.toml", {"a": [0, 1], "b": [2], "c": [3]})
    idle = written_plan(tmp_path / "idle.toml", {"a": [0, 1, 2, 3], "slow": []})
    for changes, expected in (
        ({"lane_plan": plan, "lane_groups": 2}, "expected a plan for 2 ranks, received one for 3"),
        ({"lane_plan": idle, "lane_groups": 2}, "device slow: expected a lane, received none"),
        ({"lane_groups": 5}, "lane_groups: expected 4 at most, one for each lane, received 5"),
    ):
        run = tmp_path / "run"
        job = on_ranks("mpirun", 2, folder, run, batch_size=20, **changes)
        errors = [line for line in job.text.splitlines() if "caps_hvd: error:" in line]
        assert (job.code, len(errors)) == (2, 1), job.text
        assert expected in errors[0]
        assert not run.exists()


@pytest.mark.parametrize("launcher", ["mpirun", "horovodrun --gloo"])
def test_ranks_of_a_group_exchange_their_lanes(launcher):
    job = launch(launcher, 4, WORKER, "exchange")
    assert job.code == 0, job.text
    for rank, found in enumerate(job.records):
        place, group = rank % 2, rank // 2
        assert found["places"] == [place, 2, group, 2]
        assert found["exchanged"] and found["gradient"] and found["alone"]
        assert found["others"] == 0.0
        assert found["bytes"] == 4 * 2 * 3 * (3 if place == 0 else 1)  # the forward pass alone
        assert found["within"] == [2 * group, 2 * group + 1]
        assert found["across"] == [place, place + 2]
        assert found["sums"] == [4 * group + 3, 2 * place + 4, 10]
        assert found["first"] == [2 * group + 1, place + 2]


def test_ranks_of_a_group_agree():
    job = launch("mpirun", 2, WORKER, "agreement")
    assert job.code == 0, job.text
    zero, one = job.records
    assert (zero["corrections"], one["corrections"]) == (1, 1)
    assert zero["kernel"] == one["kernel"]
    assert zero["skipped"] and one["skipped"]
    assert zero["scale"] == one["scale"] == 0.5
