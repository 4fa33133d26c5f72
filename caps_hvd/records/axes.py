"""Axes of a grid: their values, as the program holds them and as people write them."""

import tomllib
from collections.abc import Mapping

from caps_hvd.errors import ConfigError, nearest


def axis_values(axes: list[dict]) -> dict[str, list]:
    """Axis -> its values, in the order in which they first appear."""
    names = dict.fromkeys(name for each in axes for name in each)
    return {
        name: list(dict.fromkeys(each[name] for each in axes if name in each)) for name in names
    }


def baseline_axes(values: Mapping[str, list], wanted: Mapping[str, str]) -> dict:
    """The axes of the configuration that the others are compared with.

    Args:
        values: axis -> its values.
        wanted: axis -> a value as it is written in the report, in any case, or in TOML.

    Raises:
        ConfigError: an axis or a value is not part of the grid.

    Example:
        >>> baseline_axes({"policy": ["fixed", "one-cycle"], "machines": [1]}, {})
        {'policy': 'fixed', 'machines': 1}
    """
    for name in wanted:
        if name not in values:
            raise ConfigError(
                f"--baseline: expected an axis of the grid, {', '.join(values)}, received "
                f"{name!r}{nearest(name, values)}"
            )
    found = {}
    for name, known in values.items():
        found[name] = _meant(name, known, wanted[name]) if name in wanted else known[0]
    return found


def word(value) -> str:
    """A value of an axis as people write it.

    Example:
        >>> word(True), word(16)
        ('yes', '16')
    """
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def words(axis: str) -> str:
    """The name of an axis as people write it.

    Example:
        >>> words("weight_sharing")
        'weight sharing'
    """
    return axis.replace("_", " ")


def _meant(name, known, text):
    """The value that a text stands for; what is written exactly so comes first."""
    ways = (
        lambda value: text in (word(value), str(value)),
        lambda value: text.casefold() in (word(value).casefold(), str(value).casefold()),
        lambda value: _is_toml_of(text, value),
    )
    for means in ways:
        if matching := [value for value in known if means(value)]:
            return matching[0]
    spellings = list(map(word, known))
    raise ConfigError(
        f"--baseline {name}: expected one of {', '.join(spellings)}, received {text!r}"
        f"{nearest(text, spellings)}"
    )


def _is_toml_of(text, value) -> bool:
    try:
        written = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return False
    # To Python, True is 1; to TOML, it is not.
    return written == value and isinstance(written, bool) == isinstance(value, bool)
