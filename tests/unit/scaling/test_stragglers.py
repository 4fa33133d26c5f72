"""Expected maxima that can be enumerated."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.scaling.stragglers import expected_maximum


def test_two_values():
    # Of the four pairs of draws only (1, 1) has 1 as its maximum.
    assert expected_maximum([3.0, 1.0], 2) == pytest.approx(2.5)
    # Of the eight triples, too.
    assert expected_maximum([3.0, 1.0], 3) == pytest.approx(3 - 2 / 8)


def test_three_values():
    # Nine pairs: one with maximum 1, three with 2, five with 6.
    assert expected_maximum([1, 2, 6], 2) == pytest.approx((1 + 6 + 30) / 9)


def test_one_draw_is_the_mean_and_many_reach_the_slowest():
    assert expected_maximum([1, 2, 6], 1) == pytest.approx(3)
    assert expected_maximum([1, 2, 6], 10_000) == pytest.approx(6)


def test_nothing_to_draw_from():
    with pytest.raises(ConfigError, match="received 0 and 1"):
        expected_maximum([], 1)
    with pytest.raises(ConfigError, match="received 1 and 0"):
        expected_maximum([1.0], 0)
