"""Policies by name, and what cannot be a schedule."""

import pytest

from caps_hvd.config.schedule import ScheduleOptions
from caps_hvd.errors import ConfigError
from caps_hvd.schedules import POLICIES, depends_on_epochs, schedule


def make(**options):
    options = ScheduleOptions(**{"epochs": 30, **options})
    return schedule(options, epochs=options.epochs, samples=60_000, batch=16)


def test_warmadabatch_is_that_of_fastrcaps():
    found = make(policy="warmadabatch")
    assert found.calendar.steps == (60_000,) * 3 + (3_750,) * 27
    rates = [found.learning_rate(step) for step in (0, 90_000, 180_000)]
    assert rates == pytest.approx([0.001, 0.00055, 0.001])
    assert found.learning_rate(179_999) == pytest.approx(0.0001, rel=1e-4)
    assert found.learning_rate(281_249) == pytest.approx(0.0001, rel=1e-4)
    assert not found.follows_ranks


def test_adabatch_grows_unless_told_not_to():
    assert make(policy="adabatch").global_batch(29) == 64
    assert make(policy="adabatch", growth="none").global_batch(29) == 16
    assert make(policy="warmadabatch", growth="double").phases == (3, 5, 5, 17)


def test_a_restart_every_epoch_where_the_batch_stays():
    found = make(policy="warm-restarts", epochs=2)
    assert found.learning_rate(3_750) == found.learning_rate(0) == 0.001
    assert found.follows_ranks
    assert make(policy="warm-restarts", cycle_epochs=2).learning_rate(3_750) < 0.0006


def test_a_policy_for_the_rate_and_another_for_the_batch():
    found = make(policy="adabatch", lr_policy="step-decay", decay=0.5, decay_epochs=10)
    assert found.learning_rate(0) == 0.001
    assert found.learning_rate(found.calendar.starts[10]) == 0.0005
    assert make(policy="warmadabatch", batch_policy="fixed").calendar.steps == (3_750,) * 30


def test_stretches_of_one_batch_size():
    found = make(policy="adabatch")
    assert found.stretches() == [(0, 3), (3, 8), (8, 13), (13, 30)]
    assert found.stretches(5) == [(5, 8), (8, 13), (13, 30)]
    assert found.stretches(29) == [(29, 30)]
    assert found.stretches(30) == []


def test_every_policy_makes_a_schedule():
    for policy in POLICIES:
        found = make(policy=policy)
        assert all(found.learning_rate(step) > 0 for step in (0, found.calendar.total - 1))


def test_a_small_rate_needs_no_smaller_one():
    assert make(policy="exponential", learning_rate=0.00001).learning_rate(0) == 0.00001


@pytest.mark.parametrize(
    ("options", "depends"),
    [
        ({"policy": "fixed"}, False),
        ({"policy": "one-cycle"}, True),
        ({"policy": "fixed", "lr_policy": "one-cycle"}, True),
        ({"policy": "warm-restarts"}, False),
        ({"policy": "adabatch"}, False),
        ({"policy": "warmadabatch"}, True),  # its last cycle goes on to the end of the run
        ({"policy": "warmadabatch", "cycle_epochs": 1}, False),
        ({"policy": "warm-restarts", "cycle_epochs": 3}, True),  # cut where the run ends
        ({"policy": "warmadabatch", "batch_policy": "fixed"}, False),
    ],
)
def test_which_policies_are_planned_over_all_epochs(options, depends):
    assert depends_on_epochs(ScheduleOptions(**options)) is depends


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"policy": "one-cycle", "lr_min": 0.01},
            "lr_min: expected at most the learning rate, 0.001, received 0.01",
        ),
        ({"policy": "warm-restarts", "cycle_epochs": 31}, "at most the 30 epochs"),
        ({"policy": "adabatch", "epochs": 13}, "needs 14 epochs .* received 13"),
        ({"policy": "warmadabatch", "epochs": 3}, "needs 4 epochs .* received 3"),
        ({"policy": "adabatch", "batch_exponent": 14}, "P = 14 leads to batches of 65,536 images"),
    ],
)
def test_what_does_not_fit_is_one_line(options, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make(**options)
    assert "\n" not in str(caught.value)
