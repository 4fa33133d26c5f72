"""The bound of a lane's memory, by hand, and against the peaks that were measured."""

import json
from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.lanes import memory
from caps_hvd.lanes.geometry import stages
from caps_hvd.lanes.lane import Lane, from_texts
from caps_hvd.lanes.memory import Parts, Peak, lane_memory_mib
from caps_hvd.lanes.time_model import FITTED

MNIST = (28, 28, 1)
MIB = 1024**2
RECORD = Path(__file__).parents[3] / "benchmarks" / "results" / "lane_memory.json"


def test_parts():
    found = memory.parts(stages(Lane("mlcn1", 1), MNIST), 10)
    assert (found.start, found.layers) == (1, 3)
    assert found.weights == 4 * 4 * 40_256 / MIB
    # 20 x 20 x 16; 128 x 16 before and after squash; 10.
    assert found.activations == 10 * 4 * (6_400 + 4_096 + 10) / MIB
    assert found.largest == 10 * 4 * 6_400 / MIB


def test_bound_is_a_sum_over_parts(monkeypatch):
    bound = Parts(start=30, layers=2, weights=4, activations=3, largest=1)
    monkeypatch.setattr(memory, "BOUND", bound)
    expected = 30 + 3 * 2 + (4 * 644_096 + 3 * 420_240 + 256_000) / MIB
    assert lane_memory_mib((Lane("mlcn1", 1),), MNIST, 10) == (pytest.approx(expected),)


def test_a_larger_batch_takes_more_and_a_lane_too_deep_is_named():
    lanes = (Lane("mlcn2", 2), Lane("mlcn2", 2, 3))
    few, many = (lane_memory_mib(lanes, MNIST, batch_size) for batch_size in (10, 20))
    assert all(one < other < 2 * one for one, other in zip(few, many, strict=True))
    with pytest.raises(ConfigError, match=r"lane 0 \(mlcn2, width 1, depth 7\): deeper than"):
        lane_memory_mib((Lane("mlcn2", 1, 7),), MNIST, 10)


def peak(lane, mib, batch_size=10):
    return Peak(lane=lane, image_shape=MNIST, batch_size=batch_size, mib=mib)


def test_fit_is_below_no_peak_and_exact_where_peaks_are():
    # 40 MiB and twice the weights, whatever else.
    lanes = [Lane("mlcn1", *pair) for pair in FITTED]
    peaks = [peak(each, 40 + 2 * _weights(each)) for each in lanes]
    found, margin = memory.fit(peaks)
    assert margin == pytest.approx(1)
    assert found.start == pytest.approx(40) and found.weights == pytest.approx(2)
    assert found.layers == found.activations == found.largest == pytest.approx(0)


def test_margin_makes_up_for_the_lane_that_others_are_under_by_most():
    lanes = [Lane("mlcn1", width) for width in (1, 2, 3, 4)]
    peaks = [peak(each, 100.0) for each in lanes]
    peaks[1] = peak(lanes[1], 130.0)  # of which the others know nothing: they say 100
    found, margin = memory.fit(peaks)
    assert margin == pytest.approx(1.3)
    assert all(memory.bound_mib(each, found) >= 1.3 * each.mib - 1e-6 for each in peaks)


def _weights(lane):
    return memory.parts(stages(lane, MNIST), 10).weights


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text())["figures"]


def test_bound_is_the_one_of_the_record(record):
    for name, value in vars(memory.BOUND).items():
        assert value == pytest.approx(record[f"bound_{name}"], abs=0.005)


def test_bound_is_below_no_peak_that_was_measured(record):
    excess = []
    for name, mib in record.items():
        if name.endswith(": peak MiB"):
            text, batch = name.removesuffix(": peak MiB").rsplit(", batch ", 1)
            excess.append(lane_memory_mib(from_texts([text]), MNIST, int(batch))[0] / mib - 1)
    assert len(excess) > 60
    assert min(excess) >= 0
    assert sum(excess) / len(excess) < 0.25
