"""Choosing one configuration by a user's criterion, among those within the user's limits."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from caps_hvd.errors import ConfigError
from caps_hvd.report.trade_off.pareto import CRITERIA, TRADED, criterion

# An accuracy in per cent that is no more than this was meant as a share.
_A_SHARE = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What to choose by.

    Configurations that are equal by it are told apart by accuracy, time and parameters, in this
    order, so that what is chosen by one of these three is in the Pareto set.

    Args:
        by: name of a criterion, taken in its own direction; not looked at where there are weights.
        weights: criterion -> weight. Each criterion is scaled to 1 for the best configuration of
            the grid and 0 for the worst; the highest weighted sum is chosen.
        accuracy_at_least: in per cent, None for no limit.
        time_at_most: seconds to the best accuracy, None for no limit.
        parameters_at_most: None for no limit.

    Example:
        >>> Choice(by="time", accuracy_at_least=99.3).describe()
        'least time, accuracy at least 99.3 %'
    """

    by: str = "accuracy"
    weights: tuple[tuple[str, float], ...] = ()
    accuracy_at_least: float | None = None
    time_at_most: float | None = None
    parameters_at_most: int | None = None

    @classmethod
    def from_options(cls, *, minimise=None, maximise=None, weights: Sequence[str] = (), **limits):
        """A choice as the command line words it.

        Args:
            minimise, maximise: name of a criterion, or None.
            weights: texts such as `accuracy=1`.
            limits: the fields that are limits.

        Raises:
            ConfigError: a criterion is unknown or goes the other way, options exclude each other,
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
        return (
            (self.accuracy_at_least or 0) <= _percent(configuration.best_accuracy)
            and configuration.seconds_to_best <= _or_any(self.time_at_most)
            and configuration.parameters <= _or_any(self.parameters_at_most)
        )

    def describe(self) -> str:
        """The choice in words."""
        chosen = CRITERIA[self.by]
        parts = [f"{'highest' if chosen.maximise else 'least'} {chosen.name.replace('-', ' ')}"]
        if self.weights:
            weights = (f"{name.replace('-', ' ')} {weight:g}" for name, weight in self.weights)
            parts = [f"highest weighted sum ({', '.join(weights)})"]
        if self.accuracy_at_least is not None:
            parts.append(f"accuracy at least {self.accuracy_at_least:g} %")
        if self.time_at_most is not None:
            parts.append(f"time at most {self.time_at_most:g} s")
        if self.parameters_at_most is not None:
            parts.append(f"parameters at most {self.parameters_at_most:,}")
        return ", ".join(parts)

    def nothing_found(self, configurations: Sequence) -> str:
        """What to say where no configuration is within the limits, with the best there is."""
        most = max(configurations, key=lambda each: each.best_accuracy)
        least = min(configurations, key=lambda each: each.seconds_to_best)
        small = min(configurations, key=lambda each: each.parameters)
        there_is = {
            "--accuracy-at-least": (
                self.accuracy_at_least,
                f"the highest accuracy is {_percent(most.best_accuracy):.2f} % ({most.name})",
            ),
            "--time-at-most": (
                self.time_at_most,
                f"the least time is {least.seconds_to_best:.1f} s ({least.name})",
            ),
            "--parameters-at-most": (
                self.parameters_at_most,
                f"the fewest parameters are {small.parameters:,} ({small.name})",
            ),
        }
        limits = {option: said for option, (limit, said) in there_is.items() if limit is not None}
        return (
            f"{', '.join(limits)}: none of {len(configurations)} configurations is within "
            f"{'the limits' if len(limits) > 1 else 'the limit'}; {', '.join(limits.values())}; "
            "relax a limit"
        )

    def _order(self, configurations):
        first = self._weighted(configurations) if self.weights else CRITERIA[self.by].loss
        return lambda item: [first(item), *(each.loss(item) for each in TRADED)]

    def _weighted(self, configurations):
        """The weighted sum of losses, each 0 for the best configuration and 1 for the worst."""
        terms = []
        for name, weight in self.weights:
            losses = [CRITERIA[name].loss(each) for each in configurations]
            width = (max(losses) - min(losses)) or 1.0
            terms.append((CRITERIA[name].loss, min(losses), weight / width))
        return lambda item: sum(factor * (loss(item) - best) for loss, best, factor in terms)


def _percent(share) -> float:
    return round(100 * share, 9)  # so that 0.993 is 99.3


def _or_any(limit) -> float:
    return math.inf if limit is None else limit


def _in_direction(name, option) -> str:
    found = criterion(name, option)
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
        found = criterion(name.strip(), "--weight")
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


def _check_limits(*, accuracy_at_least=None, time_at_most=None, parameters_at_most=None) -> None:
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
    for option, limit in (
        ("--time-at-most", time_at_most),
        ("--parameters-at-most", parameters_at_most),
    ):
        if limit is not None and not 0 < limit < math.inf:
            raise ConfigError(f"{option}: expected a number above 0, received {limit:g}")
