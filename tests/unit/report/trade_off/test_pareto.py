"""The Pareto set of points that can be drawn by hand."""

import itertools
import types

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.report.trade_off.pareto import OBJECTIVES, objective, pareto_set


def item(accuracy, seconds, parameters):
    return types.SimpleNamespace(
        best_accuracy=accuracy, seconds_to_best=seconds, parameters=parameters
    )


def test_what_another_one_beats_is_not_in_the_set():
    best = item(0.99, 50.0, 200)
    quick = item(0.95, 10.0, 200)
    small = item(0.94, 40.0, 100)
    slower = item(0.99, 51.0, 200)  # than best, and else the same
    worse = item(0.93, 60.0, 300)  # in everything
    assert pareto_set([worse, best, slower, quick, small]) == (best, quick, small)


def test_equal_items_are_all_in_it():
    twins = [item(0.9, 1.0, 1), item(0.9, 1.0, 1)]
    assert pareto_set([*twins, item(0.8, 1.0, 1)]) == tuple(twins)


def test_one_item_and_none():
    only = item(0.1, 1.0, 1)
    assert pareto_set([only]) == (only,)
    assert pareto_set([]) == ()


def test_by_two_criteria_it_is_the_staircase():
    """Of a 4 x 4 square of accuracy and time, everything but one corner is beaten by it."""
    square = [item(a / 10, float(t), 1) for a, t in itertools.product(range(4), range(1, 5))]
    assert [(each.best_accuracy, each.seconds_to_best) for each in pareto_set(square)] == [
        (0.3, 1.0)
    ]
    diagonal = [each for each in square if each.seconds_to_best == 10 * each.best_accuracy + 1]
    below = [each for each in square if each.seconds_to_best > 10 * each.best_accuracy + 1]
    assert list(pareto_set(diagonal + below)) == diagonal


def test_unknown_criterion():
    assert objective("time", "--minimise") is OBJECTIVES["time"]
    with pytest.raises(ConfigError, match="--minimise: .*received 'tme'; did you mean 'time'"):
        objective("tme", "--minimise")
