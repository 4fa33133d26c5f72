"""Values of axes as people write them."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.records.axes import baseline_axes, word, words


@pytest.mark.parametrize(
    ("values", "text", "meant"),
    [
        ([0.01, 0.001], "1e-3", 0.001),
        ([16, 1000], "1_000", 1000),
        (["fixed", "one-cycle"], '"one-cycle"', "one-cycle"),
        (["Fast", "fast"], "fast", "fast"),
        (["Fast", "fast"], "FAST", "Fast"),
        ([False, True], "yes", True),
        ([False, True], "true", True),
        ([False, True], "True", True),
    ],
)
def test_values_as_the_report_or_toml_writes_them(values, text, meant):
    assert baseline_axes({"axis": values}, {"axis": text}) == {"axis": meant}


def test_a_number_is_no_truth():
    with pytest.raises(ConfigError, match="expected one of no, yes, received '1'"):
        baseline_axes({"axis": [False, True]}, {"axis": "1"})


def test_words_of_axes():
    assert [words(each) for each in ("policy", "weight_sharing")] == ["policy", "weight sharing"]


def test_words_of_values():
    assert [word(each) for each in (True, False, 16, "one-cycle", 0.5)] == [
        "yes", "no", "16", "one-cycle", "0.5",
    ]  # fmt: skip
