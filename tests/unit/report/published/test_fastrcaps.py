"""What follows from the times of FasTrCaps, worked out by hand."""

import pytest

from caps_hvd.report.published import fastrcaps as published


def test_the_claim_and_the_source_s_own_times():
    warm, fixed, reduction = published.own_reduction()
    assert (warm, fixed) == (3 * 420.0, 29 * 49.0)
    assert reduction == pytest.approx(0.1133, abs=5e-5)
    assert published.CLAIMED_REDUCTION == 0.586


@pytest.mark.parametrize(
    ("policy", "epochs", "seconds"),
    [
        ("fixed", 29, 1421.0),
        ("warm-restarts", 6, 294.0),
        ("adabatch", 2, 840.0),
        ("adabatch", 5, 1358.0),  # 3 x 420 + 2 x 49
        ("warmadabatch", 8, 1505.0),  # 3 x 420 + 5 x 49
    ],
)
def test_seconds_of_the_source(policy, epochs, seconds):
    assert published.seconds(policy, epochs) == seconds


def test_the_table_is_the_source_s():
    mnist = {
        (row.policy, row.sharing): (round(100 * row.accuracy, 2), row.epoch, row.epochs_to_fixed)
        for row in published.ROWS
        if row.dataset == "mnist"
    }
    assert mnist == {
        ("fixed", False): (99.37, 29, 29),
        ("exponential", False): (99.40, 12, None),
        ("one-cycle", False): (99.38, 24, None),
        ("warm-restarts", False): (99.44, 11, 6),
        ("adabatch", False): (99.41, 8, 5),
        ("warmadabatch", False): (99.45, 8, 3),
        ("fixed", True): (99.26, 26, None),
        ("warmadabatch", True): (99.38, 11, None),
    }
    fashion = [row for row in published.ROWS if row.dataset == "fashion-mnist"]
    assert [(round(100 * row.accuracy, 2), row.epoch) for row in fashion] == [
        (90.99, 17), (91.47, 27), (90.47, 17), (90.67, 20),
    ]  # fmt: skip
