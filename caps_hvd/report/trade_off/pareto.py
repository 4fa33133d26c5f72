"""What configurations are compared by, and which of them no other one beats.

A configuration is in the Pareto set if none is at least as good by every criterion and better by
one.
"""

import dataclasses
from collections.abc import Iterable

from caps_hvd.errors import ConfigError
from caps_hvd.io.options import nearest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Criterion:
    """Something to compare by.

    Args:
        name: on the command line.
        attribute: of a `Configuration`.
        maximise: whether more is better.
    """

    name: str
    attribute: str
    maximise: bool = False

    @property
    def direction(self) -> str:
        return "maximise" if self.maximise else "minimise"

    def loss(self, item) -> float:
        """The value with the sign that makes less better."""
        value = getattr(item, self.attribute)
        return -value if self.maximise else value


CRITERIA = {
    each.name: each
    for each in (
        Criterion(name="accuracy", attribute="best_accuracy", maximise=True),
        Criterion(name="time", attribute="seconds_to_best"),
        Criterion(name="parameters", attribute="parameters"),
        Criterion(name="epochs", attribute="best_epoch"),
        Criterion(name="seconds-per-epoch", attribute="seconds_per_epoch"),
    )
}
# The axes of the source's Pareto plot.
TRADED = tuple(CRITERIA[name] for name in ("accuracy", "time", "parameters"))


def criterion(name: str, option: str) -> Criterion:
    """The criterion of that name.

    Args:
        name: as given.
        option: what to call it in an error.

    Raises:
        ConfigError: there is none.
    """
    if name not in CRITERIA:
        raise ConfigError(
            f"{option}: expected one of {', '.join(CRITERIA)}, received {name!r}"
            f"{nearest(name, CRITERIA)}"
        )
    return CRITERIA[name]


def pareto_set(items: Iterable, criteria: Iterable[Criterion] = TRADED) -> tuple:
    """The items that no other one beats, in their order; equal ones are all in it.

    Args:
        items: with the criteria's attributes.
        criteria: to compare by.

    Example:
        >>> [each.name for each in pareto_set(configurations)]
        ['policy fixed', 'policy warmadabatch']
    """
    items = list(items)
    losses = [[each.loss(item) for each in criteria] for item in items]
    return tuple(
        item
        for item, mine in zip(items, losses, strict=True)
        if not any(_beats(other, mine) for other in losses)
    )


def _beats(other, mine) -> bool:
    return other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
