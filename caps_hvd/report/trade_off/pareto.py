"""Objectives that configurations are compared by, and their Pareto set.

A configuration is in the Pareto set if none is at least as good by every objective and better by
one.
"""

import dataclasses
from collections.abc import Iterable

from caps_hvd.errors import check_choice


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """An objective to compare configurations by.

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


OBJECTIVES = {
    each.name: each
    for each in (
        Objective(name="accuracy", attribute="best_accuracy", maximise=True),
        Objective(name="time", attribute="seconds_to_best"),
        Objective(name="parameters", attribute="parameters"),
        Objective(name="epochs", attribute="best_epoch"),
        Objective(name="seconds-per-epoch", attribute="seconds_per_epoch"),
    )
}
# The axes of FasTrCaps' Pareto plot.
TRADED = tuple(OBJECTIVES[name] for name in ("accuracy", "time", "parameters"))


def objective(name: str, option: str) -> Objective:
    """The objective of that name.

    Args:
        name: as given.
        option: what to call it in an error.

    Raises:
        ConfigError: there is none.
    """
    check_choice(option, name, OBJECTIVES)
    return OBJECTIVES[name]


def pareto_set(items: Iterable, objectives: Iterable[Objective] = TRADED) -> tuple:
    """The items that no other one beats, in their order; equal ones are all in it.

    Args:
        items: with the objectives' attributes.
        objectives: to compare by.

    Example:
        >>> [each.name for each in pareto_set(configurations)]
        ['policy fixed', 'policy warmadabatch']
    """
    items = list(items)
    losses = [[each.loss(item) for each in objectives] for item in items]
    return tuple(
        item
        for item, mine in zip(items, losses, strict=True)
        if not any(_beats(other, mine) for other in losses)
    )


def _beats(other, mine) -> bool:
    return other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
