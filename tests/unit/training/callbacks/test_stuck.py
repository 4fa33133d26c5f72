"""The detector tells what evaluations show, from the second epoch on, and ends where it is to."""

import types

import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import StuckError
from caps_hvd.records.evaluation import Evaluation, ScoreStatistics
from caps_hvd.records.learning_state import DEAD, GUESSING, SATURATED, STATES
from caps_hvd.training.callbacks.stuck import StuckDetector, advice


def evaluation(length, deviation, confusion=((0, 500), (0, 500))):
    scores = ScoreStatistics(np.full(2, length), np.full(2, deviation), True)
    return Evaluation(np.asarray(confusion), 0.5, None, 0.5, scores)


STILL = evaluation(0.99, 0.0003)
LEARNS = evaluation(0.6, 0.1, ((400, 100), (100, 400)))
SLOW = evaluation(0.6, 0.1)


def states(found, **options):
    """The states of epochs that have been evaluated so; None for one that has not."""
    testing = types.SimpleNamespace(last=None)
    config = TrainConfig(**{"epochs": len(found), **options})
    detector = StuckDetector(Communicator(), testing, config, ["cat", "dog"])
    seen = []
    for epoch, testing.last in enumerate(found):
        detector.on_epoch_begin(epoch)
        detector.on_epoch_end(epoch, {})
        seen.append(detector.state)
    return seen


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([STILL, STILL, STILL], [None, SATURATED, SATURATED]),
        ([STILL, LEARNS, LEARNS], [None, None, None]),
        ([STILL, None, STILL], [None, None, SATURATED]),
        ([SLOW, SLOW, LEARNS], [None, "one class", None]),
        ([STILL], [SATURATED]),
        ([SLOW], [None]),
    ],
)
def test_states_of_epochs(found, expected):
    assert states(found) == expected
    # What may be merely slow is never ended.
    if not any(each is STILL for each in found):
        assert states(found, stop_when_stuck=True) == expected


def test_a_line_for_each_new_state(capsys):
    states([STILL, STILL, STILL, SLOW, LEARNS, SLOW])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 2", "epoch 4", "epoch 6"]
    assert "a smaller --learning-rate (0.001 here)" in lines[0]
    assert "a slow run looks like this as well" in lines[1]


def test_the_end_of_a_run_that_cannot_learn():
    with pytest.raises(StuckError, match="epoch 2: class capsules are saturated") as caught:
        states([STILL, STILL, STILL], stop_when_stuck=True)
    assert (caught.value.epoch, caught.value.on_all_ranks) == (2, True)
    assert states([STILL, STILL], stop_when_stuck=True)[-1] == SATURATED  # had its epochs
    assert states([STILL, STILL, LEARNS], stop_when_stuck=False)[-1] is None


@pytest.mark.parametrize("state", STATES)
def test_advice_names_options_that_there_are(state):
    config = TrainConfig()
    for ranks, uneven in ((1, False), (4, True)):
        words = advice(state, config, uneven, ranks)
        names = [word.strip(",;") for word in words.split() if word.startswith("--")]
        assert names
        assert all(hasattr(config, name[2:].replace("-", "_")) for name in names)
    assert ("--class-weights" in words) is (state not in (SATURATED, DEAD))
    assert "--scale-learning-rate" in advice(GUESSING, config, ranks=2)
