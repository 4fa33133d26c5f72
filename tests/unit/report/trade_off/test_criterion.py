"""Choosing among three configurations whose order by every criterion is plain."""

import types

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.report.trade_off.criterion import Criterion


def configuration(name, accuracy, seconds, parameters, epoch=5, per_epoch=1.0):
    return types.SimpleNamespace(
        name=name, best_accuracy=accuracy, seconds_to_best=seconds, parameters=parameters,
        best_epoch=epoch, seconds_per_epoch=per_epoch,
    )  # fmt: skip


BEST = configuration("best", 0.99, 100.0, 2000, epoch=4)
QUICK = configuration("quick", 0.95, 20.0, 2000, epoch=8)
SMALL = configuration("small", 0.97, 60.0, 1000, epoch=8, per_epoch=0.5)
ALL = [QUICK, BEST, SMALL]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({}, BEST),
        ({"maximise": "accuracy"}, BEST),
        ({"minimise": "time"}, QUICK),
        ({"minimise": "parameters"}, SMALL),
        ({"minimise": "epochs"}, BEST),
        ({"minimise": "seconds-per-epoch"}, SMALL),
        ({"minimise": "time", "accuracy_at_least": 97.0}, SMALL),
        ({"minimise": "time", "accuracy_at_least": 97.1}, BEST),
        ({"time_at_most": 60.0}, SMALL),
        ({"minimise": "time", "parameters_at_most": 1999}, SMALL),
        ({"accuracy_at_least": 99.5}, None),
        # Scaled losses of accuracy and time: quick 1 and 0, best 0 and 1, small 1/2 and 1/2.
        ({"weights": ("accuracy=2", "time=1")}, BEST),  # 2, 1, 1.5
        ({"weights": ("accuracy=1", "time=2")}, QUICK),  # 1, 2, 1.5
        ({"weights": ("accuracy=1", "time=1", "parameters=0.1")}, SMALL),  # 1.1, 1.1, 1
    ],
)
def test_what_is_chosen(options, chosen):
    assert Criterion.from_options(**options).of(ALL) is chosen


def test_equal_ones_are_told_apart_by_accuracy_then_time_then_size():
    slow = configuration("slow", 0.99, 120.0, 500)
    large = configuration("large", 0.99, 100.0, 3000)
    assert Criterion().of([slow, large, BEST]) is BEST
    assert Criterion(by="parameters").of([QUICK, BEST]) is BEST
    assert Criterion(weights=(("parameters", 1.0),)).of([QUICK, BEST]) is BEST


def test_in_words():
    choice = Criterion.from_options(
        minimise="time", accuracy_at_least=99.3, parameters_at_most=7000000
    )
    assert choice.describe() == (
        "least time, accuracy at least 99.3 %, parameters at most 7,000,000"
    )
    weighted = Criterion.from_options(weights=["accuracy=1", "seconds-per-epoch=0.5"])
    assert weighted.describe() == "highest weighted sum (accuracy 1, seconds per epoch 0.5)"


def test_nothing_within_the_limits_names_the_best_there_is():
    choice = Criterion.from_options(
        accuracy_at_least=99.5, time_at_most=10.0, parameters_at_most=10
    )
    assert choice.of(ALL) is None
    assert choice.nothing_found(ALL) == (
        "--accuracy-at-least, --time-at-most, --parameters-at-most: none of 3 configurations is "
        "within the limits; the highest accuracy is 99.00 % (best), the least time is 20.0 s "
        "(quick), the fewest parameters are 1,000 (small); relax a limit"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimise": "tim"}, "--minimise: expected one of accuracy, .* did you mean 'time'"),
        ({"minimise": "accuracy"}, "more of it is better; write --maximise accuracy"),
        ({"maximise": "time"}, "less of it is better; write --minimise time"),
        ({"minimise": "time", "maximise": "accuracy"}, "--minimise and --maximise: expected one"),
        ({"minimise": "time", "weights": ("time=1",)}, "--minimise and --weight: expected one"),
        ({"weights": ("time",)}, "--weight time: expected a number above 0, as in time=1"),
        ({"weights": ("time=-1",)}, "--weight time: expected a number above 0"),
        ({"weights": ("time=nan",)}, "--weight time: expected a number above 0"),
        ({"weights": ("size=1",)}, "--weight: expected one of .* received 'size'"),
        ({"weights": ("time=1", "time=2")}, "--weight time: it is there twice"),
        ({"accuracy_at_least": 0.993}, "--accuracy-at-least: expected per cent.*write 99.3"),
        ({"accuracy_at_least": 100.5}, "--accuracy-at-least: expected per cent from 0 to 100"),
        ({"accuracy_at_least": float("nan")}, "--accuracy-at-least: expected per cent"),
        ({"time_at_most": 0.0}, "--time-at-most: expected a number above 0"),
        ({"parameters_at_most": -1}, "--parameters-at-most: expected a number above 0"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(ConfigError, match=message):
        Criterion.from_options(**options)
