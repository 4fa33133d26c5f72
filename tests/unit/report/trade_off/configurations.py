"""Small trade-offs for the pictures, with figures that can be read off."""

import itertools

from caps_hvd.report.trade_off.configurations import Configuration, TradeOff
from caps_hvd.report.trade_off.criterion import Criterion


def configuration(axes, accuracies, *, seconds=10.0, parameters=800_000, spread=0.001, rate=0.001):
    """A configuration whose epochs take `seconds`, but for the first, which takes twice that."""
    epochs = tuple(range(1, len(accuracies) + 1))
    best = max(accuracies)
    best_epoch = accuracies.index(best) + 1
    return Configuration(
        name=", ".join(f"{name} {value}" for name, value in axes.items()),
        axes={"machines": 1, **axes},
        seeds=2,
        parameters=parameters,
        seconds_per_epoch=seconds,
        epochs=epochs,
        accuracies=accuracies,
        spreads=tuple(spread for _ in epochs),
        learning_rates=tuple(rate for _ in epochs),
        epoch_seconds=(2 * seconds, *(seconds for _ in epochs[1:])),
        best_accuracy=best,
        best_spread=spread,
        best_epoch=best_epoch,
        seconds_to_best=(best_epoch + 1) * seconds,
    )


def trade_off(*configurations, baseline=0, pareto=(), chosen=None):
    """A trade-off; baseline, Pareto set and choice by their places, None for none."""
    return TradeOff(
        name="policies",
        created_utc="2026-11-21T05:00:00+00:00",
        configurations=configurations,
        baseline=None if baseline is None else configurations[baseline],
        pareto=tuple(configurations[each] for each in pareto),
        choice=Criterion(),
        chosen=None if chosen is None else configurations[chosen],
        missing=(),
    )


def two_by_two():
    """Two policies, with and without sharing; the third and fourth are the Pareto set."""
    return trade_off(
        configuration({"policy": "fixed", "sharing": "no"}, (0.9, 0.95, 0.94)),
        configuration({"policy": "fixed", "sharing": "yes"}, (0.88, 0.93, 0.93)),
        configuration({"policy": "one-cycle", "sharing": "no"}, (0.9, 0.95, 0.97), rate=0.0002),
        configuration({"policy": "one-cycle", "sharing": "yes"}, (0.96, 0.95, 0.95),
                      seconds=5.0, parameters=500_000, rate=0.0002),
        pareto=(2, 3),
        chosen=3,
    )  # fmt: skip


def sixteen():
    """Eight policies, more than there are colours, with and without sharing."""
    grid = itertools.product([f"policy-{number}" for number in range(8)], ("no", "yes"))
    return trade_off(
        *(
            configuration(
                {"policy": policy, "sharing": sharing},
                (0.9, 0.95 + 0.001 * number),
                seconds=10.0 * 20 ** (number / 15),
                parameters={"no": 800_000, "yes": 500_000}[sharing],
            )
            for number, (policy, sharing) in enumerate(grid)
        ),
        pareto=range(16),
        chosen=15,
    )
