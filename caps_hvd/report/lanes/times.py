"""Table of the seconds of lanes, measured and fitted."""

from caps_hvd.lanes.cost import published_cost
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.lane_times import LaneCalibration, LaneTime, TypeTimes
from caps_hvd.lanes.time_model import Agreement, agreement, lane_seconds
from caps_hvd.report.columns import Column, tabulate
from caps_hvd.report.sheet import Sheet


def table(calibration: LaneCalibration) -> Sheet:
    """Each lane that was timed, and how well both forms agree with them.

    Args:
        calibration: of a device. Lanes that the forms were not fitted on have an empty last column.

    Example:
        >>> print(sheet.to_text(table(calibrations.default())))
    """
    groups = []
    for each in calibration.types:
        rows = [
            (one, *_seconds(calibration, each, one), word)
            for lanes, word in ((each.timed, "fitted on"), (each.checked, ""))
            for one in lanes
        ]
        groups.append((each.type, sorted(rows, key=lambda row: (row[0].width, row[0].depth))))
    height, width, channels = calibration.image_shape

    def seconds(name, of):
        return Column(name, "ms", lambda row: f"{1000 * of(row):,.1f}")

    def error(index):
        return Column("error", "%", lambda row: f"{100 * (row[index] / row[0].seconds - 1):+.0f}")

    return tabulate(
        (
            Column("width", "", lambda row: row[0].width),
            Column("depth", "", lambda row: row[0].depth),
            seconds("measured", lambda row: row[0].seconds),
            seconds("fitted", lambda row: row[1]),
            error(1),
            seconds("a·depth·width²", lambda row: row[2]),
            error(2),
            Column("", "", lambda row: row[3]),
        ),
        groups,
        key="lane-times",
        title=(
            f"Seconds of a training step of one lane: {calibration.batch_size} images of "
            f"{height}x{width}x{channels}, {calibration.threads} thread"
            f"{'s' if calibration.threads > 1 else ''}, {calibration.device}"
        ),
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
