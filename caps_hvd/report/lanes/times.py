"""Seconds of lanes as measured and as predicted, beside each other."""

from caps_hvd.lanes.cost import published_cost
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.lane_times import LaneCalibration, LaneTime, TypeTimes
from caps_hvd.lanes.time_model import Agreement, agreement, lane_seconds
from caps_hvd.report.sheet import Section, Sheet

_COLUMNS = (
    ("width", ""),
    ("depth", ""),
    ("measured", "ms"),
    ("fitted", "ms"),
    ("error", "%"),
    ("a·depth·width²", "ms"),
    ("error", "%"),
    ("", ""),
)


def table(calibration: LaneCalibration) -> Sheet:
    """Each lane that was timed, and how well both forms agree with them.

    Args:
        calibration: of a device. Lanes that the forms were not fitted on have an empty last column.

    Example:
        >>> print(sheet.to_text(table(calibrations.default())))
    """
    sections = []
    for each in calibration.types:
        rows = [(one, "fitted on") for one in each.timed] + [(one, "") for one in each.checked]
        rows.sort(key=lambda row: (row[0].width, row[0].depth))
        lines = tuple(_row(calibration, each, one, word) for one, word in rows)
        sections.append(Section(label=each.type, rows=lines))
    height, width, channels = calibration.image_shape
    return Sheet(
        key="lane-times",
        title=(
            f"Seconds of a training step of one lane: {calibration.batch_size} images of "
            f"{height}x{width}x{channels}, {calibration.threads} thread"
            f"{'s' if calibration.threads > 1 else ''}, {calibration.device}"
        ),
        columns=_COLUMNS,
        sections=tuple(sections),
        notes=tuple(_note(calibration, each) for each in calibration.types),
    )


def agreements(calibration: LaneCalibration, type: str) -> tuple[Agreement, Agreement]:
    """How well the fitted form and the published one agree with what was measured.

    Args:
        calibration: of a device.
        type: of the lanes; those that were not fitted on, where any have been timed.
    """
    own = calibration.of(type)
    judged = own.checked or own.timed
    measured = [one.seconds for one in judged]
    fitted, published = zip(*(_seconds(calibration, own, one) for one in judged), strict=True)
    return agreement(fitted, measured), agreement(published, measured)


def _seconds(calibration, own: TypeTimes, one: LaneTime) -> tuple[float, float]:
    """By the fitted form, and by the published one."""
    lane = Lane(own.type, one.width, one.depth)
    shape, batch_size = tuple(calibration.image_shape), calibration.batch_size
    (fitted,) = lane_seconds((lane,), shape, batch_size, calibration=calibration)
    return fitted, own.published * published_cost(lane)


def _row(calibration, own, one, word) -> tuple[str, ...]:
    cells = [str(one.width), str(one.depth), f"{1000 * one.seconds:,.1f}"]
    for seconds in _seconds(calibration, own, one):
        cells += [f"{1000 * seconds:,.1f}", f"{100 * (seconds / one.seconds - 1):+.0f}"]
    return (*cells, word)


def _note(calibration, own: TypeTimes) -> str:
    fitted, published = agreements(calibration, own.type)
    judged = (
        f"{len(own.checked)} lanes that were not fitted on" if own.checked else
        f"the {len(own.timed)} lanes fitted on, no others were timed"
    )  # fmt: skip
    return (
        f"{own.type}, {judged}: Pearson {fitted.pearson:.4f} and median error "
        f"{100 * fitted.median_error:.1f} %; a·depth·width² {published.pearson:.4f} and "
        f"{100 * published.median_error:.1f} %."
    )
