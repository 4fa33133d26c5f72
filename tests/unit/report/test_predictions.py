"""A line for each image, of whatever it is called."""

import csv
import dataclasses
import json

import pytest

from caps_hvd.report.predictions import FORMATS, Prediction, PredictionLines

CAT = Prediction(
    image="cat.png", class_name="cat", score=0.912345, runner_up="a dog\nor so",
    runner_up_score=0.1, distance=0.123456,
)  # fmt: skip
ODD = Prediction(
    image="two\nlines,\x1b.png", class_name="owl", score=1.0, runner_up=None,
    runner_up_score=None, distance=None,
)  # fmt: skip
NAMES = ("cat", "a dog\nor so", "owl")


def lines(form, distance=True):
    table = PredictionLines(form, NAMES, distance)
    return table.header() + table.line(CAT) + table.line(ODD)


@pytest.mark.parametrize("distance", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_an_image_is_a_line(form, distance):
    text = lines(form, distance)
    assert text.endswith("\n") and text.count("\n") == (2 if form == "jsonl" else 3)
    assert text.replace("\n", "").isprintable()


def test_text():
    assert lines("text").splitlines() == [
        "class          score  runner-up      score  distance  image",
        "cat           0.9123  a dog\\nor so  0.1000    0.1235  cat.png",
        "owl           1.0000                                  two\\nlines,\\x1b.png",
    ]


def test_csv():
    first, second = csv.DictReader(lines("csv").splitlines())
    assert first == {
        "image": "cat.png", "class": "cat", "score": "0.9123", "runner_up": "a dog\\nor so",
        "runner_up_score": "0.1", "distance": "0.1235",
    }  # fmt: skip
    assert second["image"] == "two\\nlines,\\x1b.png" and second["distance"] == ""


def test_json_lines_tell_names_as_they_are():
    first, second = map(json.loads, lines("jsonl").splitlines())
    assert first["runner_up"] == CAT.runner_up and first["score"] == 0.9123
    assert second["image"] == ODD.image and second["distance"] is None


def test_without_a_decoder_there_is_no_column_of_distances():
    assert "distance" not in lines("text", False) + lines("csv", False) + lines("jsonl", False)


def test_true_classes_where_they_are_known():
    odd = dataclasses.replace(ODD, image="test[7]", true_class="cat")
    for form, expected in {
        "text": "true class    class",
        "csv": "image,true_class,class,score",
        "jsonl": '{"image": "test[7]", "true_class": "cat", "class": "owl"',
    }.items():
        table = PredictionLines(form, NAMES, True, true_class=True)
        assert (table.header() + table.line(odd)).startswith(expected)
    table = PredictionLines("text", NAMES, True, true_class=True)
    assert table.line(odd).split() == ["cat", "owl", "1.0000", "test[7]"]
