"""Ticks of logarithmic axes, and small numbers as people write them."""

import pytest

from caps_hvd.report.plot_style import log_ticks, plain


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 30, [0.5, 1, 2, 5, 10, 20]),
        (3, 9, [3, 4, 5, 6, 7, 8, 9]),
        (1.05, 1.45, [1.1, 1.2, 1.3, 1.4]),
    ],
)
def test_ticks_become_denser_on_a_narrow_axis(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_numbers_without_an_exponent():
    assert [plain(each) for each in (0.00001, 0.1 + 0.2, 95.0, 100, 1_000_000)] == [
        "0.00001", "0.3", "95", "100", "1000000",
    ]  # fmt: skip
