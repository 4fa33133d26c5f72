"""Configurations, baseline and what is missing, against figures worked out by hand."""

import dataclasses

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.report.trade_off.configurations import trade_off
from caps_hvd.report.trade_off.criterion import Criterion
from tests.unit.report.trade_off import policy_sweeps

FIXED, SHARED, WARM, BOTH = range(4)


@pytest.fixture(scope="module")
def made():
    return trade_off(policy_sweeps.sweep())


def test_configurations_in_the_order_of_the_plan(made):
    assert [each.name for each in made.configurations] == [
        "policy fixed, weight sharing no",
        "policy fixed, weight sharing yes",
        "policy warmadabatch, weight sharing no",
        "policy warmadabatch, weight sharing yes",
    ]
    assert made.configurations[BOTH].axes == {
        "machines": 1, "policy": "warmadabatch", "weight_sharing": True,
    }  # fmt: skip
    assert {each.seeds for each in made.configurations} == {2}
    assert made.missing == ()


def test_curves_are_means_over_the_seeds(made):
    warm = made.configurations[WARM]
    assert warm.epochs == (1, 2, 3)
    assert warm.accuracies == pytest.approx((0.96, 0.975, 0.98))
    assert warm.spreads == pytest.approx((0.0, 0.0070711, 0.0), abs=1e-6)  # 0.005 sqrt(2)
    assert warm.epoch_seconds == (40.0, 10.0, 10.0)
    assert warm.learning_rates == (0.0001, 0.0006, 0.0001)


@pytest.mark.parametrize(
    ("which", "accuracy", "epoch", "per_epoch", "product", "measured"),
    [
        (FIXED, 0.96, 3, 10.0, 30.0, 32.0),
        (SHARED, 0.93, 2, 8.0, 16.0, 18.0),  # the first of two epochs with the highest mean
        (WARM, 0.98, 3, 10.0, 30.0, 60.0),
        (BOTH, 0.965, 2, 8.0, 16.0, 38.0),
    ],
)
def test_the_best_and_what_it_took(made, which, accuracy, epoch, per_epoch, product, measured):
    found = made.configurations[which]
    assert found.best_accuracy == pytest.approx(accuracy)
    assert (found.best_epoch, found.seconds_per_epoch) == (epoch, per_epoch)
    assert (found.epochs_times_seconds, found.seconds_to_best) == (product, measured)


def test_the_way_to_the_baseline_s_best(made):
    assert made.baseline is made.configurations[FIXED]
    assert [each.epochs_to_baseline for each in made.configurations] == [3, None, 1, 2]
    assert [each.seconds_to_baseline for each in made.configurations] == [32.0, None, 40.0, 38.0]


def test_another_baseline():
    made = trade_off(policy_sweeps.sweep(), {"weight_sharing": "yes"})
    assert made.baseline.name == "policy fixed, weight sharing yes"
    assert [each.epochs_to_baseline for each in made.configurations] == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"polcy": "fixed"}, "--baseline: expected an axis .* received 'polcy'; did you mean"),
        ({"policy": "fxed"}, "--baseline policy: expected one of fixed, warmadabatch, received"),
    ],
)
def test_no_such_baseline(wanted, message):
    with pytest.raises(ConfigError, match=message):
        trade_off(policy_sweeps.sweep(), wanted)


def test_the_set_and_the_choice(made):
    # By accuracy, time and parameters: 98 % 60 s 2000; 96.5 % 38 s 1000; 93 % 18 s 1000 stand.
    # 96 % 32 s 2000 does, too: what is better than it is slower.
    assert made.pareto == made.configurations
    assert made.chosen is made.configurations[WARM]
    quick = trade_off(policy_sweeps.sweep(), choice=Criterion(by="time", accuracy_at_least=96.0))
    assert quick.chosen.name == "policy fixed, weight sharing no"


def test_epochs_without_a_test_at_every_seed_are_left_out():
    points = [
        policy_sweeps.point("fixed", False, 0, accuracies=(90, None, 96)),
        policy_sweeps.point("fixed", False, 1, accuracies=(None, 95, 96)),
    ]
    (only,) = trade_off(policy_sweeps.sweep(points)).configurations
    assert (only.epochs, only.best_epoch, only.seconds_to_best) == ((3,), 3, 32.0)


def test_a_run_that_was_tested_at_its_end_only():
    points = [policy_sweeps.point("fixed", False, 0, accuracies=(None, None, None))]
    (only,) = trade_off(policy_sweeps.sweep(points)).configurations
    assert (only.epochs, only.best_accuracy, only.spreads) == ((3,), 0.96, (0.0,))
    assert only.name == "machines 1, policy fixed, weight sharing no"


def test_what_is_not_finished_is_said_and_the_rest_reported():
    points = [
        policy_sweeps.left_out("fixed", False, 0, "failed", "no memory\nleft"),
        policy_sweeps.point("warmadabatch", False, 0),
        policy_sweeps.left_out("fixed", False, 1, "planned"),
    ]
    made = trade_off(policy_sweeps.sweep(points))
    assert [point.status for point in made.missing] == ["failed", "planned"]
    assert made.baseline is None
    (only,) = made.configurations
    assert only.name == "policy warmadabatch"
    assert only.epochs_to_baseline is None
    with pytest.raises(
        RunError, match="none of its 1 points is finished and 1 failed, m1.* no memory left$"
    ):
        trade_off(policy_sweeps.sweep(points[:1]))


def test_seeds_that_are_missing_leave_the_others():
    sweep = policy_sweeps.sweep()
    sweep = dataclasses.replace(sweep, points=sweep.points[:4])
    made = trade_off(sweep)
    assert {each.seeds for each in made.configurations} == {1}
    assert made.configurations[FIXED].accuracies == (0.90, 0.94, 0.96)
