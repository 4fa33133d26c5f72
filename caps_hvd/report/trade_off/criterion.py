"""Criterion by which one configuration is chosen, among those within the user's limits."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from caps_hvd.errors import ConfigError
from caps_hvd.report.trade_off.pareto import OBJECTIVES, TRADED, Objective, objective

# An accuracy in per cent that is no more than this was meant as a share.
_A_SHARE = 1.0


class _Limit(NamedTuple):
    """A limit that a field of `Criterion` sets.

    Args:
        objective: whose value is limited, from below where more is better.
        scale: from its unit to that of the field.
        form: of the limit, with its unit.
        best: of the best value there is, in words.
    """

    objective: Objective
    scale: int
    form: str
    best: str

    def value(self, configuration) -> float:
        # Rounded, so that 0.993 is 99.3.
        return round(self.scale * getattr(configuration, self.objective.attribute), 9)

    def allows(self, limit, configuration) -> bool:
        value = self.value(configuration)
        return limit <= value if self.objective.maximise else value <= limit

    def best_of(self, configurations) -> str:
        best = min(configurations, key=self.objective.loss)
        return f"{self.best.format(self.value(best))} ({best.name})"


_LIMITS = {
    "accuracy_at_least": _Limit(
        OBJECTIVES["accuracy"], 100, "{:g} %", "the highest accuracy is {:.2f} %"
    ),
    "time_at_most": _Limit(OBJECTIVES["time"], 1, "{:g} s", "the least time is {:.1f} s"),
    "parameters_at_most": _Limit(
        OBJECTIVES["parameters"], 1, "{:,}", "the fewest parameters are {:,}"
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Criterion:
    """A criterion to choose a configuration by.

    Configurations that are equal by it are told apart by accuracy, time and parameters, in this
    order, so that what is chosen by one of these three is in the Pareto set.

    Args:
        by: name of an objective, taken in its own direction; not looked at where there are weights.
        weights: objective -> weight. Each objective is scaled to 1 for the best configuration of
            the grid and 0 for the worst; the highest weighted sum is chosen.
        accuracy_at_least: in per cent, None for no limit.
        time_at_most: seconds to the best accuracy, None for no limit.
        parameters_at_most: None for no limit.

    Example:
        >>> Criterion(by="time", accuracy_at_least=99.3).describe()
        'least time, accuracy at least 99.3 %'
    """

    by: str = "accuracy"
    weights: tuple[tuple[str, float], ...] = ()
    accuracy_at_least: float | None = None
    time_at_most: float | None = None
    parameters_at_most: int | None = None

    @classmethod
    def from_options(cls, *, minimise=None, maximise=None, weights: Sequence[str] = (), **limits):
        """A criterion as the command line words it.

        Args:
            minimise, maximise: name of an objective, or None.
            weights: texts such as `accuracy=1`.
            limits: the fields that are limits.

        Raises:
            ConfigError: an objective is unknown or goes the other way, options exclude each other,
                or a number is out of range.
        """
        given = {"--minimise": minimise, "--maximise": maximise, "--weight": weights}
        given = {option: value for option, value in given.items() if value}
        if len(given) > 1:
            raise ConfigError(
                f"{' and '.join(given)}: expected one of them, received {len(given)}; limits such "
                "as --accuracy-at-least go with each"
            )
        _check_limits(**limits)
        for option in ("--minimise", "--maximise"):
            if option in given:
                return cls(by=_in_direction(given[option], option), **limits)
        return cls(weights=_weights(weights), **limits)

    def of(self, configurations: Iterable):
        """The configuration chosen, None where none is within the limits."""
        configurations = list(configurations)
        allowed = [each for each in configurations if self.allows(each)]
        return min(allowed, key=self._order(configurations), default=None)

    def allows(self, configuration) -> bool:
        """Whether a configuration is within the limits."""
        return all(
            _LIMITS[name].allows(limit, configuration) for name, limit in self._limits().items()
        )

    def describe(self) -> str:
        """The criterion in words."""
        by = OBJECTIVES[self.by]
        parts = [f"{'highest' if by.maximise else 'least'} {by.name.replace('-', ' ')}"]
        if self.weights:
            weights = (f"{name.replace('-', ' ')} {weight:g}" for name, weight in self.weights)
            parts = [f"highest weighted sum ({', '.join(weights)})"]
        for name, limit in self._limits().items():
            parts.append(f"{name.replace('_', ' ')} {_LIMITS[name].form.format(limit)}")
        return ", ".join(parts)

    def nothing_found(self, configurations: Sequence) -> str:
        """What to say where no configuration is within the limits, with the best there is."""
        limits = list(self._limits())
        best = (_LIMITS[name].best_of(configurations) for name in limits)
        return (
            f"{', '.join(map(_option, limits))}: none of {len(configurations)} configurations is "
            f"within {'the limits' if len(limits) > 1 else 'the limit'}; {', '.join(best)}; "
            "relax a limit"
        )

    def _limits(self) -> dict[str, float]:
        """Name of a field -> limit, of those that are set."""
        given = {name: getattr(self, name) for name in _LIMITS}
        return {name: limit for name, limit in given.items() if limit is not None}

    def _order(self, configurations) -> Callable:
        first = self._weighted(configurations) if self.weights else OBJECTIVES[self.by].loss
        return lambda item: [first(item), *(each.loss(item) for each in TRADED)]

    def _weighted(self, configurations) -> Callable:
        """The weighted sum of losses, each 0 for the best configuration and 1 for the worst."""
        terms = []
        for name, weight in self.weights:
            losses = [OBJECTIVES[name].loss(each) for each in configurations]
            width = (max(losses) - min(losses)) or 1.0
            terms.append((OBJECTIVES[name].loss, min(losses), weight / width))
        return lambda item: sum(factor * (loss(item) - best) for loss, best, factor in terms)


def _option(field) -> str:
    return f"--{field.replace('_', '-')}"


def _in_direction(name, option) -> str:
    found = objective(name, option)
    if option != f"--{found.direction}":
        raise ConfigError(
            f"{option} {name}: {'more' if found.maximise else 'less'} of it is better; write "
            f"--{found.direction} {name}"
        )
    return found.name


def _weights(texts) -> tuple[tuple[str, float], ...]:
    weights = {}
    for text in texts:
        name, _, number = text.partition("=")
        found = objective(name.strip(), "--weight")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not 0 < weight < math.inf:
            raise ConfigError(
                f"--weight {found.name}: expected a number above 0, as in {found.name}=1, received "
                f"{number!r}"
            )
        if found.name in weights:
            raise ConfigError(f"--weight {found.name}: it is there twice; keep one of them")
        weights[found.name] = weight
    return tuple(weights.items())


def _check_limits(*, accuracy_at_least=None, **others) -> None:
    if accuracy_at_least is not None and not 0 <= accuracy_at_least <= 100:
        raise ConfigError(
            "--accuracy-at-least: expected per cent from 0 to 100, received "
            f"{accuracy_at_least:g}; write 99.3 for 99.3 %"
        )
    if accuracy_at_least is not None and 0 < accuracy_at_least <= _A_SHARE:
        raise ConfigError(
            f"--accuracy-at-least: expected per cent, received {accuracy_at_least:g}; write "
            f"{100 * accuracy_at_least:g} if that share is meant"
        )
    for name, limit in others.items():
        if limit is not None and not 0 < limit < math.inf:
            raise ConfigError(f"{_option(name)}: expected a number above 0, received {limit:g}")
