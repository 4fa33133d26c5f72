"""Stuck runs are named by what an evaluation shows, and slow ones are not."""

from pathlib import Path

import numpy as np
import pytest

from caps_hvd.records import learning_state, record, sweep_record
from caps_hvd.records.evaluation import Evaluation, ScoreStatistics
from caps_hvd.records.learning_state import (
    CLASS_NEVER_PREDICTED,
    DEAD,
    GUESSING,
    ONE_CLASS,
    SAME_SCORES,
    SATURATED,
)

RECORDS = Path(__file__).parents[3] / "docs" / "records"


def evaluation(confusion, means=None, deviation=0.1, lengths=True):
    classes = len(confusion)
    means = np.full(classes, 0.3) if means is None else np.asarray(means, float)
    scores = ScoreStatistics(means, np.full(classes, deviation), lengths)
    return Evaluation(np.asarray(confusion), 0.5, None, 0.5, scores)


HALF = [[260, 240], [250, 250]]
LEARNT = [[300, 200], [200, 300]]


@pytest.mark.parametrize(
    ("confusion", "means", "deviation", "lengths", "state", "certain"),
    [
        # As cats and dogs of CIFAR-10 do, at several rates.
        (HALF, [0.99, 0.99], 0.0003, True, SATURATED, True),
        ([[0, 500], [0, 500]], [0.98, 0.98], 0.003, True, SATURATED, False),
        ([[0, 500], [0, 500]], [0.68, 0.7], 0.07, True, ONE_CLASS, False),
        (HALF, [0.6, 0.6], 0.07, True, GUESSING, False),
        (HALF, [0.0002, 0.0001], 0.0, True, DEAD, True),
        (HALF, [0.2, 0.25], 0.0004, True, SAME_SCORES, False),
        (HALF, [0.5, 0.5], 0.0004, False, SAME_SCORES, False),
        ([[0, 500], [0, 500]], [0.1, 0.9], 0.05, False, ONE_CLASS, False),
        # A network that learns may have long capsules, and so may one that saturates on its way.
        (LEARNT, [0.95, 0.95], 0.02, True, None, False),
        (LEARNT, [0.62, 0.67], 0.11, True, None, False),
        # Three standard errors of 1,000 images are 4.7 points, of 100 are 15.
        ([[280, 220], [226, 274]], None, 0.1, True, None, False),
        ([[270, 230], [230, 270]], None, 0.1, True, GUESSING, False),
        ([[28, 22], [22, 28]], None, 0.1, True, None, False),
        # Ten images tell nothing.
        ([[5, 0], [5, 0]], [1, 1], 0.0, True, None, False),
        ([[500, 0], [0, 0]], [1, 0], 0.0, True, None, False),
        ([[100]], [1], 0.0, True, None, False),
        # 95 to 5, all taken for the one.
        ([[475, 0], [25, 0]], [0.9, 0.3], 0.05, True, CLASS_NEVER_PREDICTED, False),
        ([[950, 0], [50, 0]], [0.9, 0.3], 0.05, True, ONE_CLASS, False),
        ([[949, 1], [49, 1]], [0.9, 0.3], 0.05, True, GUESSING, False),
        ([[90, 10, 0], [10, 90, 0], [50, 50, 0]], None, 0.1, True, CLASS_NEVER_PREDICTED, False),
        # The others are not learnt yet either.
        ([[225, 275, 0], [275, 225, 0], [250, 250, 0]], None, 0.1, True, GUESSING, False),
        ([[240, 260, 0], [140, 360, 0], [250, 250, 0]], None, 0.1, True, None, False),
    ],
)
def test_the_state_of_an_evaluation(confusion, means, deviation, lengths, state, certain):
    found = evaluation(confusion, means, deviation, lengths)
    assert learning_state.state_of(found) == state
    assert learning_state.is_certain(state, found) is certain
    if state:
        assert state in learning_state.STATES
        assert learning_state.describe(state, found, ["cat", "dog", "bird"])


def test_scores_that_were_not_looked_at():
    found = Evaluation(np.asarray(HALF), 0.5, None, 0.5)
    assert learning_state.state_of(found) == GUESSING
    assert not learning_state.is_certain(GUESSING, found)


def test_chance_and_margin_by_hand():
    chance, margin = learning_state.chance_and_margin(evaluation([[3800, 0], [200, 0]]))
    assert chance == 0.5
    # sqrt(1/4 (1/3800 + 1/200)) / 2
    assert margin == pytest.approx(3 * np.sqrt(0.25 * (1 / 3800 + 1 / 200)) / 2)


def recorded():
    """Of each recorded epoch: where it is, its number, accuracy, test images and classes."""
    for path in sorted(RECORDS.glob("*.h5")):
        for point in sweep_record.read(path).points:
            for epoch in point.epochs:
                yield f"{path.name} {point.name}", epoch, point.test_samples, 10
    for path in sorted(RECORDS.glob("*.json")):
        if '"caps_hvd.record/' in path.read_text()[:200]:
            run = record.read(path)
            for epoch in run.epochs:
                yield path.name, epoch, run.data.test_samples, run.model.classes


def test_no_recorded_run_is_called_stuck():
    """Every one has learnt; some are slow, with a few steps an epoch on many ranks."""
    looked_at = 0
    for name, epoch, samples, classes in recorded():
        if epoch.test_accuracy is None or epoch.epoch < 2:
            continue
        of_each = samples // classes
        wrong = of_each * (1 - epoch.test_accuracy) / (classes - 1)
        confusion = np.full((classes, classes), wrong)
        np.fill_diagonal(confusion, of_each * epoch.test_accuracy)
        found = evaluation(confusion)
        assert learning_state.state_of(found) is None, f"{name} epoch {epoch.epoch}"
        looked_at += 1
    assert looked_at > 100


def test_words():
    found = evaluation(HALF, [0.9912, 0.9934], 0.0003)
    assert learning_state.describe(SATURATED, found, ["cat", "dog"]) == (
        "class capsules are saturated: lengths of 0.991 to 0.993 on all of 1,000 images "
        "(deviation 0.0003)"
    )
    found = evaluation([[0, 500], [0, 500]])
    assert learning_state.describe(ONE_CLASS, found, ["cat", "dog"]) == (
        "every image is taken for dog (balanced accuracy 50.00% of 1,000 images, guessing gives "
        "50.00% ± 1.58%)"
    )
