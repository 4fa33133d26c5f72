"""The table of lanes that were timed."""

from caps_hvd.lanes.lane_times import LaneTime
from caps_hvd.report import sheet
from caps_hvd.report.lanes import times
from tests.unit.lanes.toy import toy

# 3 layers of 1 ms, 20 x 20 x 1,296 products in front at 0.5 s for a GFLOP, 64 x 18,432 at 0.25, of
# 10 images: 14.0822 ms.
CHECKED = (
    LaneTime(width=1, depth=2, seconds=0.05),
    LaneTime(width=2, depth=1, seconds=0.08),
    LaneTime(width=2, depth=2, seconds=0.2),
)


def test_measured_fitted_and_published_beside_each_other():
    text = sheet.to_text(times.table(toy()))
    assert "10 images of 28x28x1, 1 thread, toy" in text
    line = next(line for line in text.splitlines() if "fitted on" in line)
    assert line.split() == ["1", "1", "10.0", "14.1", "+41", "20.0", "+100", "fitted", "on"]
    assert "mlcn1, the 2 lanes fitted on, no others were timed: Pearson" in text


def test_agreement_is_of_lanes_that_were_not_fitted_on():
    given = toy(checked=CHECKED)
    text = sheet.to_text(times.table(given))
    assert "mlcn1, 3 lanes that were not fitted on: Pearson" in " ".join(text.split())
    # 0.02 s times depth x width²: 40, 80 and 160 ms for 50, 80 and 200.
    _, published = times.agreements(given, "mlcn1")
    assert round(published.median_error, 6) == 0.2


def test_lanes_are_listed_by_width_and_depth():
    (section,) = times.table(toy(checked=CHECKED)).sections
    assert [row[:2] for row in section.rows] == [
        ("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"), ("3", "1"),
    ]  # fmt: skip
