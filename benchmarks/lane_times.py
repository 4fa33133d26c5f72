"""Seconds of a training step of one lane, and how well two forms predict them.

    python -m benchmarks.lane_times
    python -m benchmarks.lane_times --output caps_hvd/lanes/default_times.json

`caps-hvd lanes calibrate --check`, on lanes of both types and all widths and depths from 1 to 5:
nine are fitted on, and the other sixteen judge. `--output` keeps the calibration; what comes with
the package was made so. Takes five minutes; nothing else should run beside it.
"""

import sys

from benchmarks.harness import arguments, write_record
from caps_hvd.calibration.lanes import calibrate
from caps_hvd.lanes.cost import lane_costs
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.lanes.time_model import agreement
from caps_hvd.report import sheet
from caps_hvd.report.lanes import times

LEAST_PEARSON, MOST_ERROR = 0.95, 0.15


def flops_agreement(calibration, own):
    """How well one coefficient on operations agrees, fitted and judged as the other two forms."""

    def flops(timed):
        lanes = tuple(Lane(own.type, one.width, one.depth) for one in timed)
        counted = lane_costs(lanes, tuple(calibration.image_shape), calibration.batch_size)
        return [cost.flops for cost in counted]

    ratios = [each / one.seconds for each, one in zip(flops(own.timed), own.timed, strict=True)]
    # Of least squares on relative errors.
    coefficient = sum(ratios) / sum(ratio**2 for ratio in ratios)
    predicted = [coefficient * each for each in flops(own.checked)]
    return agreement(predicted, [one.seconds for one in own.checked])


def figures_of(made):
    """Figures of a calibration with lanes to judge by."""
    figures = {"batch": made.batch_size, "threads": made.threads}
    for own in made.types:
        fitted, published = times.agreements(made, own.type)
        counted = flops_agreement(made, own)
        figures[f"{own.type}_judged_lanes"] = len(own.checked)
        for form, agrees in (("", fitted), ("published_", published), ("flops_", counted)):
            figures[f"{own.type}_{form}pearson"] = agrees.pearson
            figures[f"{own.type}_{form}median_error"] = agrees.median_error
        figures |= {
            f"{own.type}, width {one.width}, depth {one.depth}: ms": 1000 * one.seconds
            for one in sorted((*own.timed, *own.checked), key=lambda one: (one.width, one.depth))
        }
    return figures


def main():
    options = arguments(
        __doc__,
        output=(None, "JSON file for the calibration"),
        rounds=(3, "in which each lane is timed"),
    )
    made = calibrate(
        options.output,
        rounds=options.rounds,
        check=True,
        command_line=["python", "-m", "benchmarks.lane_times", *sys.argv[1:]],
    )
    print(sheet.to_text(times.table(made)))
    figures = figures_of(made)
    write_record("lane_times", figures)
    for type in TYPES:
        if (
            figures[f"{type}_pearson"] < LEAST_PEARSON
            or figures[f"{type}_median_error"] > MOST_ERROR
        ):
            raise SystemExit(f"lane_times: seconds of {type} are predicted worse than they may be")


if __name__ == "__main__":
    main()
