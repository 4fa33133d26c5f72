"""Seconds of a training step of one lane, and how well two forms predict them.

    python -m benchmarks.lane_times
    python -m benchmarks.lane_times --output caps_hvd/lanes/default_times.json

`caps-hvd lanes calibrate --check`, on lanes of both types and all widths and depths from 1 to 5:
nine are fitted on, and the other sixteen judge. `--output` keeps the calibration; what comes with
the package was made so. Takes five minutes; nothing else should run beside it.
"""

import argparse
import statistics

from benchmarks.harness import write_record
from caps_hvd.lane_calibration import calibrate
from caps_hvd.lanes.cost import lane_costs
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.report import lane_times, sheet

LEAST_PEARSON, MOST_ERROR = 0.95, 0.15


def flops_pearson(calibration, own):
    """Correlation of operations counted with seconds, over the lanes that judge."""
    lanes = tuple(Lane(own.type, one.width, one.depth) for one in own.checked)
    counted = lane_costs(lanes, tuple(calibration.image_shape), calibration.batch_size)
    return statistics.correlation(
        [cost.flops for cost in counted], [one.seconds for one in own.checked]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", help="JSON file for the calibration")
    parser.add_argument("--rounds", type=int, default=3, help="in which each lane is timed")
    options = parser.parse_args()
    made = calibrate(
        options.output,
        rounds=options.rounds,
        check=True,
        command_line=["python", "-m", "benchmarks.lane_times"],
    )
    print(sheet.to_text(lane_times.table(made)))
    figures = {"batch": made.batch_size, "threads": made.threads}
    agreements = {type: lane_times.agreements(made, type) for type in TYPES}
    for type, (fitted, published) in agreements.items():
        own = made.of(type)
        figures |= {
            f"{type}_judged_lanes": len(own.checked),
            f"{type}_pearson": fitted.pearson,
            f"{type}_median_error": fitted.median_error,
            f"{type}_published_pearson": published.pearson,
            f"{type}_published_median_error": published.median_error,
            f"{type}_flops_pearson": flops_pearson(made, own),
        }
        figures |= {
            f"{type}, width {one.width}, depth {one.depth}: ms": 1000 * one.seconds
            for one in sorted((*own.timed, *own.checked), key=lambda one: (one.width, one.depth))
        }
    write_record("lane_times", figures)
    for type, (fitted, _) in agreements.items():
        if fitted.pearson < LEAST_PEARSON or fitted.median_error > MOST_ERROR:
            raise SystemExit(f"lane_times: {type} is predicted worse than it should be: {fitted}")


if __name__ == "__main__":
    main()
