"""A calibration of lanes with round numbers."""

from caps_hvd.lanes.lane_times import Kinds, LaneCalibration, LaneTime, TypeTimes

COEFFICIENTS = Kinds(
    layers=0.001,
    head_convolutions=0.5,
    first_capsules=0.25,
    image_convolutions=1.0,
    image_capsules=0.5,
)


def toy(type="mlcn1", coefficients=COEFFICIENTS, checked=()):
    """Lanes of one type; two of them have been timed."""
    timed = [LaneTime(width=1, depth=1, seconds=0.01), LaneTime(width=3, depth=1, seconds=0.09)]
    return LaneCalibration(
        created_utc="2024-05-01T12:00:00Z",
        command_line=["caps-hvd", "lanes", "calibrate"],
        device="toy",
        threads=1,
        image_shape=[28, 28, 1],
        batch_size=10,
        types=[
            TypeTimes(
                type=type,
                coefficients=coefficients,
                published=0.02,
                timed=timed,
                checked=list(checked),
            )
        ],
    )
