"""Configurations of a sweep, with the accuracy, training time and size of each.

Points that differ in the repetition only are a configuration, trained with several seeds.  The
protocol is that of FasTrCaps: accuracy is the mean over the seeds after each epoch, the best one is
the highest mean, and the time to it is what training took up to that epoch.  FasTrCaps multiplies
the epochs by the seconds of one; where epochs have different batches that is not what was spent, so
the measured seconds are summed up as well.
"""

import dataclasses
import statistics
from collections.abc import Mapping

from caps_hvd.errors import RunError
from caps_hvd.records.axes import axis_values, baseline_axes, word, words
from caps_hvd.records.sweep_record import SweepResult
from caps_hvd.report.sweep_table import (
    SweepTable,
    grouped,
    is_finished,
    missing_points,
    stuck_points,
)
from caps_hvd.report.trade_off.criterion import Criterion
from caps_hvd.report.trade_off.pareto import pareto_set

_SEED = "repetition"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Configuration:
    """Measurements of one configuration, over its seeds.

    Args:
        name: the axes that tell it from the others: `policy warmadabatch, weight sharing no`.
        axes: label of every axis but the repetition, `machines` included.
        seeds: finished points.
        parameters: of the model.
        seconds_per_epoch: of training, median over the steady epochs of all seeds.
        part: of the data set that accuracies are of: validation where the runs have such a part,
            else test.
        epochs: those with an accuracy on that part at every seed, counted from 1.
        accuracies: share of the part's images, mean over the seeds, one for each of `epochs`.
        spreads: sample standard deviation (n - 1) over the seeds, 0 for one seed.
        learning_rates: at the end of each epoch, of the first seed.
        epoch_seconds: of training, each epoch from the first to the last, mean over the seeds.
        best_accuracy, best_spread: the highest mean, and its spread.
        best_epoch: the first that reaches it.
        seconds_to_best: measured seconds of the epochs up to that one, summed, mean over the seeds.
        epochs_to_baseline: the first whose mean accuracy is at least the baseline's best one; None
            where none is, or where the baseline is not finished.
        seconds_to_baseline: measured seconds up to it.
        test_accuracy: where `part` is validation: share of the test images, with the weights that
            each run has kept, mean over the seeds.
    """

    name: str
    axes: dict
    seeds: int
    parameters: int
    seconds_per_epoch: float
    epochs: tuple[int, ...]
    accuracies: tuple[float, ...]
    spreads: tuple[float, ...]
    learning_rates: tuple[float, ...]
    epoch_seconds: tuple[float, ...]
    best_accuracy: float
    best_spread: float
    best_epoch: int
    seconds_to_best: float
    epochs_to_baseline: int | None = None
    seconds_to_baseline: float | None = None
    part: str = "test"
    test_accuracy: float | None = None

    @property
    def epochs_times_seconds(self) -> float:
        """FasTrCaps' time to the best accuracy: epochs to it, times the seconds of one."""
        return self.best_epoch * self.seconds_per_epoch

    def seconds_to(self, epoch: int) -> float:
        """Measured seconds of training up to the end of an epoch, counted from 1."""
        return sum(self.epoch_seconds[:epoch])


@dataclasses.dataclass(frozen=True, kw_only=True)
class TradeOff(SweepTable):
    """The configurations of a sweep side by side.

    Args:
        configurations: those with a finished point, in the order of the plan.
        baseline: what the others are compared with, None where no point of it is finished.
        pareto: those that no other one beats; see `pareto.py`.
        choice: what was looked for.
        chosen: what was found; None where no configuration keeps the limits.
    """

    configurations: tuple[Configuration, ...]
    baseline: Configuration | None
    pareto: tuple[Configuration, ...]
    choice: Criterion
    chosen: Configuration | None

    @property
    def part(self) -> str:
        """The part of the data set that all configurations are compared by."""
        return self.configurations[0].part

    @property
    def axes(self) -> list[str]:
        """The axes in which configurations differ, in the order of the plan."""
        return varied_axes(axis_values([each.axes for each in self.configurations]))


def trade_off(
    sweep: SweepResult, baseline: Mapping[str, str] | None = None, choice: Criterion | None = None
) -> TradeOff:
    """The trade-offs in a sweep.

    Args:
        sweep: as `sweep_record.read` gives it.
        baseline: axis -> label of the configuration to compare with; what is not named, and all by
            default, has its first value.
        choice: what to choose by; the highest accuracy by default.

    Raises:
        ConfigError: there is no such baseline.
        RunError: no point is finished, or some have a validation part and others have none.

    Example:
        >>> trade_off(sweep, {"policy": "fixed"}).chosen.name
        'policy warmadabatch, weight sharing no'
    """
    choice = choice or Criterion()
    missing = missing_points(sweep)
    plan = grouped(sweep.points, {_SEED})
    values = axis_values([axes for axes, _ in plan])
    base = baseline_axes(values, baseline or {})
    configurations = [
        _configuration(axes, values, finished)
        for axes, points in plan
        if (finished := list(filter(is_finished, points)))
    ]
    if len({each.part for each in configurations}) > 1:
        raise RunError(
            f"{sweep.name}: some points have a validation part and others have none, and their "
            "accuracies do not compare; give all of them the same validation_fraction"
        )
    for goal in [each.best_accuracy for each in configurations if each.axes == base]:
        configurations = [_against(each, goal) for each in configurations]
    return TradeOff(
        name=sweep.name,
        created_utc=sweep.created_utc,
        configurations=tuple(configurations),
        baseline=next((each for each in configurations if each.axes == base), None),
        pareto=pareto_set(configurations),
        choice=choice,
        chosen=choice.of(configurations),
        missing=missing,
        stuck=stuck_points(sweep),
    )


def varied_axes(values: Mapping[str, list]) -> list[str]:
    """Those of some axes, given with their values, that have several."""
    return [axis for axis, found in values.items() if len(found) > 1]


def described(axes: Mapping, names) -> str:
    """Some axes and their values in words.

    Example:
        >>> described({"policy": "fixed", "weight_sharing": True}, ["weight_sharing"])
        'weight sharing yes'
    """
    return ", ".join(f"{words(name)} {word(axes[name])}" for name in names)


def _configuration(axes, values, points) -> Configuration:
    """One configuration without a baseline, from its finished points."""
    points = sorted(points, key=lambda point: point.axes.get(_SEED, 0))
    validated = {point.part for point in points} == {"validation"}
    runs = [_accuracies(point, validated) for point in points]
    epochs = tuple(sorted(set.intersection(*map(set, runs))))
    if not epochs:
        raise RunError(
            f"{points[0].name}: no epoch has an accuracy at every seed; evaluate more often, with "
            "evaluate_every = 1"
        )
    samples = [[run[epoch] for run in runs] for epoch in epochs]
    # Rounded, so that equal means of different counts of images are equal.
    accuracies = tuple(round(statistics.fmean(sample), 12) for sample in samples)
    best = accuracies.index(max(accuracies))
    seconds = [[epoch.seconds for epoch in point.epochs] for point in points]
    epoch_seconds = tuple(map(statistics.fmean, zip(*seconds, strict=False)))
    steady = [epoch.seconds for point in points for epoch in point.steady_epochs]
    return Configuration(
        name=described(axes, varied_axes(values) or axes),
        axes=axes,
        seeds=len(points),
        parameters=points[0].parameters,
        seconds_per_epoch=statistics.median(steady),
        epochs=epochs,
        accuracies=accuracies,
        spreads=tuple(map(_deviation, samples)),
        learning_rates=tuple(epoch.learning_rate for epoch in points[0].epochs),
        epoch_seconds=epoch_seconds,
        best_accuracy=accuracies[best],
        best_spread=_deviation(samples[best]),
        best_epoch=epochs[best],
        seconds_to_best=sum(epoch_seconds[: epochs[best]]),
        part="validation" if validated else "test",
        test_accuracy=statistics.fmean(p.test_accuracy for p in points) if validated else None,
    )


def _accuracies(point, validated) -> dict[int, float]:
    """Epoch -> accuracy; every run is tested at its end."""
    if validated:
        return {e.epoch: e.val_accuracy for e in point.epochs if e.val_accuracy is not None}
    found = {point.epochs[-1].epoch: point.test_accuracy}
    found |= {e.epoch: e.test_accuracy for e in point.epochs if e.test_accuracy is not None}
    return found


def _against(configuration, goal) -> Configuration:
    """The same with the epochs and seconds to the baseline's best accuracy."""
    curve = zip(configuration.epochs, configuration.accuracies, strict=True)
    epoch = next((epoch for epoch, accuracy in curve if accuracy >= goal), None)
    return dataclasses.replace(
        configuration,
        epochs_to_baseline=epoch,
        seconds_to_baseline=None if epoch is None else configuration.seconds_to(epoch),
    )


def _deviation(sample) -> float:
    return statistics.stdev(sample) if len(sample) > 1 else 0.0
