"""Counts and what follows from them, by hand."""

import json

import numpy as np
import pytest

from caps_hvd.records.evaluation import Evaluation, ScoreStatistics
from caps_hvd.report.classification import to_text

EXAMPLE = Evaluation(
    confusion=np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]),
    score_loss=0.25,
    reconstruction_loss=0.5,
    loss=0.75,
)


def test_accuracies():
    assert (EXAMPLE.samples, EXAMPLE.correct, EXAMPLE.accuracy) == (8, 7, 0.875)
    np.testing.assert_array_equal(EXAMPLE.class_accuracies(), [0.75, 1.0, np.nan])


def test_json_has_no_nan():
    values = EXAMPLE.to_dict(["a", "b", "c"])
    assert values["class_accuracies"] == {"a": 0.75, "b": 1.0, "c": None}
    assert json.loads(json.dumps(values, allow_nan=False))["confusion"][0] == [3, 1, 0]


def test_text_is_a_table():
    text = to_text(EXAMPLE, ["a", "bear", "T-shirt/top"])
    assert "87.50%" in text and "(7 of 8 images)" in text and "0.7500" in text
    rows = [line.split() for line in text.splitlines()[-3:]]
    assert rows == [
        ["a", "75.00%", "3", "1", "·"],
        ["bear", "100.00%", "·", "4", "·"],
        ["T-shirt/top", "-", "·", "·", "·"],
    ]
    assert len({len(line) for line in text.splitlines()[-4:]}) == 1


def test_balanced_accuracy_and_worst_classes():
    assert EXAMPLE.balanced_accuracy == 0.875
    uneven = Evaluation(np.array([[90, 10], [4, 1]]), 0.0, None, 0.0)
    assert uneven.balanced_accuracy == pytest.approx((0.9 + 0.2) / 2)
    assert (uneven.uneven(), EXAMPLE.uneven()) == (True, False)
    assert (uneven.worst_classes(5), EXAMPLE.worst_classes(1)) == ([1, 0], [0])


def test_many_classes_are_told_by_the_worst_ones():
    confusion = np.diag(np.full(30, 10))
    confusion[7] = 0
    confusion[7, [3, 7]] = 6, 4
    lines = to_text(Evaluation(confusion, 0.0, None, 0.0), [f"c{k}" for k in range(30)]).split("\n")
    assert lines[-11].split() == [
        "worst",
        "classes",
        "accuracy",
        "images",
        "mostly",
        "taken",
        "for",
    ]
    assert lines[-10].split() == ["c7", "40.00%", "10", "c3", "(6)"]


def test_scores_by_hand():
    scores = np.array([[0.2, 0.9], [0.4, 0.9]])
    found = ScoreStatistics.of_sums(scores.sum(0), np.square(scores).sum(0), 2, lengths=True)
    np.testing.assert_allclose(found.means, [0.3, 0.9])
    np.testing.assert_allclose(found.deviations, [0.1, 0.0], atol=1e-8)
    assert found.spread == pytest.approx(0.1)


@pytest.mark.parametrize("classes", [1, 2])
def test_few_classes(classes):
    one = Evaluation(np.eye(classes, dtype=np.int64), 0.0, None, 0.0)
    assert "squared" not in to_text(one, [str(k) for k in range(classes)])
