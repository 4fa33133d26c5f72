"""Counts and what follows from them, by hand."""

import json

import numpy as np
import pytest

from caps_hvd.records.evaluation import Evaluation
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


@pytest.mark.parametrize("classes", [1, 2])
def test_few_classes(classes):
    one = Evaluation(np.eye(classes, dtype=np.int64), 0.0, None, 0.0)
    assert "squared" not in to_text(one, [str(k) for k in range(classes)])
