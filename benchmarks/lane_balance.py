"""Distance of lane partitioners from the best plan, on 1,000 random models and two sets of devices.

MLCN's setting: 6, 9, 12 and 24 lanes of width and depth 1 to 5, weighed by depth × width², on
4 equal devices and on 4 of speeds 1, 3.1, 4.2 and 6; no limit of memory. Every instance must be
solved to proof, and greedy must keep within its bound in each; else this fails.
"""

import random
import statistics
import time

from benchmarks import harness
from caps_hvd.lanes.balance import balance
from caps_hvd.lanes.cost import lane_costs, published_cost
from caps_hvd.lanes.device import Device, equal
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.report.published.mlcn import SPEEDS

LANES = (6, 9, 12, 24)
DEVICES = {
    "equal": equal(4),
    "unequal": tuple(Device(name, speed) for name, speed in SPEEDS.items()),
}
# Of greedy over the best, for m devices: Graham (1969), and Gonzalez, Ibarra and Sahni (1977).
BOUNDS = {"equal": lambda m: 4 / 3 - 1 / (3 * m), "unequal": lambda m: 2 * m / (m + 1)}
LIMIT_SECONDS = 120


def plans(costs, devices, seed):
    """Makespan by method, and the seconds that the exact one took."""
    made = {
        method: balance(costs, devices, method, seed=seed)
        for method in ("greedy", "greedy-published", "random")
    }
    start = time.perf_counter()
    made["exact"] = balance(costs, devices, "exact", limit_seconds=LIMIT_SECONDS)
    seconds = time.perf_counter() - start
    if not made["exact"].proven:
        raise SystemExit(f"lane_balance: not solved in {LIMIT_SECONDS} s: {costs}")
    return {method: plan.makespan for method, plan in made.items()}, seconds


def figures_of(kind, lanes, count):
    """Figures of `count` random models of that many lanes on one set of devices."""
    chance = random.Random(lanes)  # the same models on every set
    devices, bound = DEVICES[kind], BOUNDS[kind](len(DEVICES[kind]))
    makespans, seconds = [], []
    for seed in range(count):
        model = [Lane("mlcn1", chance.randint(1, 5), chance.randint(1, 5)) for _ in range(lanes)]
        costs = [published_cost(lane) for lane in model]
        found, took = plans(costs, devices, seed)
        if found["greedy"] > bound * found["exact"]:
            raise SystemExit(f"lane_balance: greedy is beyond its bound of {bound:.3f}: {costs}")
        makespans.append(found)
        seconds.append(took)

    def ratios(method, base="exact"):
        return [found[method] / found[base] for found in makespans]

    figures = {
        "greedy_over_exact_mean": statistics.mean(ratios("greedy")),
        "greedy_over_exact_worst": max(ratios("greedy")),
        "greedy_best": ratios("greedy").count(1.0) / count,
        "greedy_published_over_exact_mean": statistics.mean(ratios("greedy-published")),
        "greedy_published_over_exact_worst": max(ratios("greedy-published")),
        "random_over_exact_mean": statistics.mean(ratios("random")),
        "time_saved_by_greedy_over_random_mean": 1 - statistics.mean(ratios("greedy", "random")),
        "exact_seconds_median": statistics.median(seconds),
        "exact_seconds_longest": max(seconds),
    }
    return {f"{kind}_{lanes}_lanes_{name}": value for name, value in figures.items()}


def correlation(type):
    """Pearson's of depth × width² and the operations counted, over all widths and depths."""
    lanes = tuple(Lane(type, width, depth) for width in range(1, 6) for depth in range(1, 6))
    counted = [cost.flops for cost in lane_costs(lanes, (28, 28, 1), 1)]
    return statistics.correlation(counted, [published_cost(lane) for lane in lanes])


def main():
    models = harness.arguments(__doc__, models=(250, "for each number of lanes")).models
    figures = {"models": models * len(LANES), "instances": models * len(LANES) * len(DEVICES)}
    for kind, devices in DEVICES.items():
        figures[f"{kind}_bound_of_greedy"] = BOUNDS[kind](len(devices))
        for lanes in LANES:
            figures |= figures_of(kind, lanes, models)
    for type in TYPES:
        figures[f"{type}_pearson_of_published_cost_and_flops"] = correlation(type)
    harness.write_record("lane_balance", figures)


if __name__ == "__main__":
    main()
