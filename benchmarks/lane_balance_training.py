"""Seconds of an epoch of lanes divided greedily or at random among equal and unequal devices.

    python -m benchmarks.lane_balance_training

The lanes of jobs/mlcn/balance_equal_small.toml. Equal devices are 2 ranks with a core each; unequal
ones are 3 ranks, the first with a core of its own and two that share the other. Each rank measures
its speed as training starts, and `greedy` goes by it. `random` goes by the seed, another one in
each turn, so that its mean is what somebody may expect who looks at neither lanes nor devices.
"""

import dataclasses
import statistics
from pathlib import Path

from benchmarks import bound_training, harness
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.points import plan

DEFINITION = Path(__file__).parents[1] / "jobs" / "mlcn" / "balance_equal_small.toml"
METHODS = ("greedy", "random")


def devices():
    """Name -> core of each rank."""
    first, second, *_ = bound_training.cores()
    return {"equal": (first, second), "unequal": (first, second, second)}


def measure(config, turns):
    """(devices, method) -> seconds of an epoch, and devices -> speeds; one for each turn."""
    seconds, speeds = {}, {}
    for seed in range(turns):
        for kind, cores in devices().items():
            for method in METHODS:
                given = dataclasses.replace(config, balance=method, seed=seed)
                run, point = bound_training.train(given, cores, method, {})
                seconds.setdefault((kind, method), []).append(point.seconds_per_epoch)
                speeds.setdefault(kind, []).append(run.lanes.speeds)
                print(
                    f"{kind} {method} seed {seed}: {point.seconds_per_epoch:.2f} s, speeds "
                    f"{run.lanes.speeds}, lanes {run.lanes.assignment}",
                    flush=True,
                )
    return seconds, speeds


def figures_of(seconds, speeds):
    """The figures of the record."""
    figures = {}
    for kind, turns in speeds.items():
        figures[f"{kind}: slowest device over fastest, median"] = statistics.median(
            min(each) / max(each) for each in turns
        )
        for method in METHODS:
            values = seconds[kind, method]
            for name, of in (("mean", statistics.fmean), ("least", min), ("most", max)):
                figures[f"{kind}, {method}: seconds per epoch, {name}"] = of(values)
        greedy, chance = (statistics.fmean(seconds[kind, method]) for method in METHODS)
        figures[f"{kind}: time saved by greedy over random"] = 1 - greedy / chance
    return figures


def main():
    turns = harness.arguments(__doc__, turns=(5, "times that each is trained")).turns
    config = plan(definition_file.read(DEFINITION))[0].config
    figures = figures_of(*measure(config, turns))
    harness.write_record(
        "lane_balance_training",
        {"definition": f"jobs/mlcn/{DEFINITION.name}", "turns": turns} | figures,
    )


if __name__ == "__main__":
    main()
