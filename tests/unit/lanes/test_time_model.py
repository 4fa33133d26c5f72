"""Seconds of lanes, against numbers computed by hand."""

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.lanes import lane_times as calibrations
from caps_hvd.lanes import time_model
from caps_hvd.lanes.geometry import stages
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.lanes.lane_times import Kinds, LaneTime
from caps_hvd.lanes.time_model import agreement, fit, lane_seconds, work
from tests.unit.lanes.toy import toy

MNIST = (28, 28, 1)


def test_nine_sizes_to_fit_on_and_sixteen_to_judge_by():
    assert len(time_model.FITTED) == 9 and len(time_model.JUDGED) == 16
    assert {*time_model.FITTED, *time_model.JUDGED} == {
        (w, d) for w in range(1, 6) for d in range(1, 6)
    }
    assert {(1, 1), (1, 5), (5, 1), (5, 5), (3, 3)} < set(time_model.FITTED)


def test_work_of_each_kind():
    # 10 images, two operations for a product. 20 x 20 positions of 9 x 9 x 16, 8 x 8 of 6 x 6 x 16
    # x 32; of 128 capsules of 16 as an image 120 x 8 positions, and 39 for the capsules behind.
    found = work(stages(Lane("mlcn1", 1, 2), MNIST), 10)
    assert found.layers == 5
    assert found.head_convolutions == pytest.approx(20 * 400 * 1_296 / 1e9)
    assert found.first_capsules == pytest.approx(20 * 64 * 18_432 / 1e9)
    assert found.image_convolutions == pytest.approx(20 * 960 * 1_296 / 1e9)
    assert found.image_capsules == pytest.approx(20 * 39 * 18_432 / 1e9)


def test_mlcn2_has_five_convolutions_in_front():
    found = work(stages(Lane("mlcn2", 1), MNIST), 1)
    assert found.layers == 7
    # 784 positions of 1 x 16, 529 of the separable one and of three of 3 x 3 x 16 x 16.
    assert found.head_convolutions == pytest.approx(2 * (784 * 16 + 529 * (832 + 6_912)) / 1e9)
    assert found.image_convolutions == found.image_capsules == 0


def test_seconds_are_a_sum_over_kinds():
    # 0.001 s for each of 3 layers, 2 s for a GFLOP in front; the capsules cost nothing.
    given = toy(coefficients=Kinds(
        layers=0.001, head_convolutions=2.0, first_capsules=0.0, image_convolutions=0.0,
        image_capsules=0.0,
    ))  # fmt: skip
    lanes = (Lane("mlcn1", 1), Lane("mlcn1", 2))
    seconds = lane_seconds(lanes, MNIST, 1, calibration=given)
    assert seconds == pytest.approx((0.003 + 2 * 0.0010368, 0.003 + 4 * 0.0010368))


def test_fit_finds_what_lanes_were_made_of():
    true = Kinds(
        layers=0.0005, head_convolutions=0.03, first_capsules=0.01, image_convolutions=0.19,
        image_capsules=0.06,
    )  # fmt: skip
    lanes = [Lane("mlcn1", *pair) for pair in time_model.FITTED]
    seconds = lane_seconds(lanes, MNIST, 10, calibration=toy(coefficients=true))
    timed = [
        LaneTime(width=lane.width, depth=lane.depth, seconds=each)
        for lane, each in zip(lanes, seconds, strict=True)
    ]
    found = fit("mlcn1", timed, MNIST, 10)
    assert vars(found.coefficients) == pytest.approx(vars(true), rel=1e-6)
    assert found.timed == timed and found.checked == []


def test_published_form_is_fitted_beside_it():
    timed = [LaneTime(width=w, depth=d, seconds=2.0 * d * w * w) for w, d in time_model.FITTED]
    assert fit("mlcn2", timed, MNIST, 10).published == pytest.approx(2.0)


def test_coefficients_are_never_negative():
    # Deeper lanes that take less time.
    timed = [LaneTime(width=w, depth=d, seconds=w / d) for w, d in time_model.FITTED]
    assert min(vars(fit("mlcn2", timed, MNIST, 10).coefficients).values()) == 0


def test_agreement():
    found = agreement([1.1, 2.0, 2.0, 8.0], [1.0, 2.0, 4.0, 8.0])
    assert found.median_error == pytest.approx(0.05)  # of 10 %, 0, 50 % and 0
    # Deviations from the means 3.275 and 3.75.
    assert found.pearson == pytest.approx(27.975 / (30.3075 * 28.75) ** 0.5)


@pytest.mark.parametrize("type", TYPES)
def test_the_calibration_that_comes_with_the_package(type):
    given = calibrations.default()
    own = given.of(type)
    assert [(one.width, one.depth) for one in own.timed] == list(time_model.FITTED)
    assert [(one.width, one.depth) for one in own.checked] == list(time_model.JUDGED)
    lanes = [Lane(type, one.width, one.depth) for one in own.checked]
    seconds = lane_seconds(lanes, tuple(given.image_shape), given.batch_size)
    found = agreement(seconds, [one.seconds for one in own.checked])
    assert found.pearson >= 0.95
    assert found.median_error <= 0.15


def test_a_type_that_was_not_timed():
    with pytest.raises(RunError, match="expected lanes of type mlcn2, received mlcn1; make it"):
        lane_seconds((Lane("mlcn2", 1),), MNIST, 1, calibration=toy())


def test_a_lane_deeper_than_the_image_allows():
    lanes = (Lane("mlcn1", 1), Lane("mlcn1", 1, 9))
    with pytest.raises(ConfigError, match=r"lane 1 \(mlcn1, width 1, depth 9\): deeper than"):
        lane_seconds(lanes, MNIST, 1, calibration=toy())
