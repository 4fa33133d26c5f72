"""Images per second and bytes of a step of three ways to train over ranks of one core each.

    python -m benchmarks.lane_parallel
    python -m benchmarks.lane_parallel --turns 1 --ways mlcn_model
    python -m benchmarks.lane_parallel --sweep docs/records/lane-parallel.h5

The points of jobs/mlcn/speed_up_small.toml: CapsNet and lanes over images, and lanes over ranks, in
steps of the same 100 images. Every rank is bound to one core, and 2 ranks have one each. Each point
is trained `--turns` times, in turn; its speed is the median over the turns of the median epoch, the
first left out. Bytes are those of the records, counted where they are handed to a collective.

It fails where lanes over 2 ranks are not 1.7 times as fast as on one, or hand over more than a
hundredth of the bytes that lanes over images do.
"""

from pathlib import Path

from benchmarks import bound_training, harness
from caps_hvd.records import sweep_record
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.points import plan

DEFINITION = Path(__file__).parents[1] / "jobs" / "mlcn" / "speed_up_small.toml"
LEAST_SPEED_UP = 1.7
MOST_BYTES = 1 / 100


def measure(definition, points, turns):
    """A sweep of these points, in which a turn is a repetition."""
    results, run = [], None
    for turn in range(turns):
        for point in points:
            name = point.name.replace("rep0", f"rep{turn}")
            axes = point.axes | {"repetition": turn}
            cores = bound_training.cores()[: point.ranks]
            run, result = bound_training.train(point.config, cores, name, axes)
            results.append(result)
            print(f"{result.name}: {result.images_per_second:.1f} images/s", flush=True)
    return sweep_record.SweepResult(
        name="lane-parallel",
        definition=definition.text,
        created_utc=results[0].started_utc,
        versions={name: each for name, each in vars(run.versions).items() if each is not None},
        points=results,
    )


def rows_of(sweep):
    """(way, ranks) -> name of a figure -> its value; `over base` is over base on one rank."""
    speeds, bytes_per_step = {}, {}
    for result in sweep.points:
        key = result.axes["way"], result.ranks
        speeds.setdefault(key, []).append(result.images_per_second)
        bytes_per_step.setdefault(key, result.bytes_per_step)
    medians = harness.medians(speeds)
    return {
        (way, ranks): {
            "images/s": medians[way, ranks],
            "lowest": min(values),
            "over 1 rank": medians[way, ranks] / medians[way, 1],
            "over base": medians[way, ranks] / medians.get(("base", 1), float("nan")),
            "bytes": bytes_per_step[way, ranks],
        }
        for (way, ranks), values in speeds.items()
    }


def main():
    options = harness.arguments(
        __doc__,
        turns=(3, "times that each point is trained"),
        ways=([], "of the definition; all by default, and only then a record is written"),
        sweep=(None, "HDF5 file to write for `caps-hvd report` as well"),
    )
    definition = definition_file.read(DEFINITION)
    points = plan(definition)
    if options.ways:
        points = [point for point in points if point.axes["way"] in options.ways]
    sweep = measure(definition, points, options.turns)
    if options.sweep:
        sweep_record.write(options.sweep, sweep)
    rows = rows_of(sweep)
    figures = {"definition": f"jobs/mlcn/{DEFINITION.name}", "turns": options.turns}
    figures |= {
        f"{way}, {ranks} ranks: {name}": value
        for (way, ranks), row in rows.items()
        for name, value in row.items()
    }
    if options.ways:
        harness.show(figures)
    else:
        share = rows["mlcn_model", 2]["bytes"] / rows["mlcn_data", 2]["bytes"]
        figures["bytes of mlcn_model over those of mlcn_data"] = share
        harness.write_record("lane_parallel", figures)
        speed_up = rows["mlcn_model", 2]["over 1 rank"]
        if speed_up < LEAST_SPEED_UP or share > MOST_BYTES:
            raise SystemExit(
                f"lane_parallel: expected a speed-up of at least {LEAST_SPEED_UP} and at most "
                f"{MOST_BYTES:.0%} of the bytes, received {speed_up:.2f} and {share:.2%}"
            )


if __name__ == "__main__":
    main()
