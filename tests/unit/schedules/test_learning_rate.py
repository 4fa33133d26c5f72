"""Each policy against a table made by hand: step 0, every boundary and a step on each side."""

import math

import pytest

from caps_hvd.schedules.calendar import Calendar
from caps_hvd.schedules.learning_rate import (
    exponential,
    fixed,
    linear_warm_up,
    one_cycle,
    polynomial_restarts,
    step_decay,
    warm_restarts,
)

TEN_BY_FOUR = Calendar((10,) * 4)
HUNDRED = Calendar((25,) * 4)


def check(policy, calendar, table, **options):
    for step, expected in table:
        assert policy(step, calendar, **options) == pytest.approx(expected, rel=1e-12), step


def test_fixed():
    check(fixed, TEN_BY_FOUR, [(0, 0.001), (39, 0.001)])


def test_exponential():
    # 0.96 after 2,000 steps, 0.9216 after 4,000; half way its square root
    check(
        exponential,
        Calendar((1000,) * 5),
        [
            (0, 0.001),
            (1000, 0.001 * math.sqrt(0.96)),
            (2000, 0.00096),
            (4000, 0.0009216),
            (4999, 0.001 * math.exp(2.4995 * math.log(0.96))),
        ],
    )


def test_step_decay():
    check(
        step_decay,
        TEN_BY_FOUR,
        [(0, 0.001), (19, 0.001), (20, 0.0007), (21, 0.0007), (39, 0.0007)],
    )
    check(step_decay, TEN_BY_FOUR, [(9, 1.0), (10, 0.5), (39, 0.125)], lr_max=1, decay=0.5, every=1)


def test_one_cycle():
    # 100 steps: up 0.00002 a step to step 45, down to step 90, then down 0.000009 a step
    check(
        one_cycle,
        HUNDRED,
        [
            (0, 0.0001),
            (1, 0.00012),
            (44, 0.00098),
            (45, 0.001),
            (46, 0.00098),
            (89, 0.00012),
            (90, 0.0001),
            (91, 0.000091),
            (99, 0.000019),
            (100, 0.00001),
        ],
    )


def test_warm_restarts():
    # cycles of ten steps between 1 and 3: cos 0 = 1, cos(pi / 2) = 0, cos(9 pi / 10)
    low = 2 - math.cos(math.pi / 10)
    check(
        warm_restarts,
        TEN_BY_FOUR,
        [(0, 3), (5, 2), (9, low), (10, 3), (11, 2 + math.cos(math.pi / 10)), (19, low), (39, low)],
        lr_min=1,
        lr_max=3,
    )


def test_cycles_of_several_epochs_and_of_different_steps():
    # a first cycle of 3 epochs with 8 steps each, a second one of the other two with 3 steps each
    table = [
        (0, 3),
        (12, 2),
        (23, 2 - math.cos(math.pi / 24)),
        (24, 3),
        (27, 2),
        (29, 2 - math.cos(math.pi / 6)),
        (30, 3),
    ]
    calendar = Calendar((8, 8, 8, 3, 3))
    check(warm_restarts, calendar, table, lr_min=1, lr_max=3, cycles=(3, 2))
    # a last cycle that the run does not hold ends with it
    check(warm_restarts, calendar, table, lr_min=1, lr_max=3, cycles=(3, 27))


def test_polynomial_restarts():
    check(
        polynomial_restarts,
        TEN_BY_FOUR,
        [(0, 3), (5, 1.5), (9, 1.02), (10, 3), (39, 1.02)],
        lr_min=1,
        lr_max=3,
    )


def test_linear_warm_up():
    table = [linear_warm_up(step, 4) for step in (0, 1, 3, 4, 5)]
    assert table == [0, 0.25, 0.75, 1, 1]
    assert linear_warm_up(0, 0) == 1


def test_the_calendar_knows_where_a_step_is():
    calendar = Calendar((2, 3))
    assert calendar.total == 5
    assert [calendar.locate(step) for step in range(6)] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3),
    ]  # fmt: skip
