"""Lanes as values: a type, a width and a depth; their texts, and files that list them."""

import dataclasses
import re
from collections.abc import Iterable

from caps_hvd.errors import ConfigError
from caps_hvd.io import toml
from caps_hvd.io.options import check, option

TYPES = ("mlcn1", "mlcn2")
_TEXT = re.compile(r"(\w+), width (\d+)(?:, depth (\d+))?")


@dataclasses.dataclass(frozen=True)
class Lane:
    """A lane: a path from the image to one capsule that needs nothing of the other lanes.

    The capsule is one dimension of each class capsule.

    Rosario, Borin and Breternitz, "The Multi-Lane Capsule Network", arXiv:1902.08431 (2019);
    `geometry.py` has the network that a lane stands for.

    Args:
        type: "mlcn1", one wide convolution in front of the capsules, or "mlcn2", five small ones.
        width: 1 or more; every convolution has 16 filters and all primary capsules two types for
            each.
        depth: levels of primary capsules, 1 or more. Defaults to 1.

    Raises:
        ConfigError: if an argument is out of range.

    Example:
        >>> str(Lane("mlcn2", width=4))
        'mlcn2, width 4, depth 1'
    """

    type: str = option(dataclasses.MISSING, "Kind of lane.", "Model", choices=TYPES)
    width: int = option(
        dataclasses.MISSING, "Width.", "Model", unit="16 filters each", minimum=1, maximum=64
    )
    depth: int = option(
        1, "Depth.", "Model", unit="levels of primary capsules", minimum=1, maximum=64
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            check(field, getattr(self, field.name))

    def __str__(self):
        return f"{self.type}, width {self.width}, depth {self.depth}"


def homogeneous(lanes: int, type: str, width: int, depth: int = 1) -> tuple[Lane, ...]:
    """Returns that many lanes of one kind.

    Raises:
        ConfigError: if there are no lanes, or a lane is out of range.

    Example:
        >>> len(homogeneous(8, "mlcn2", width=4))
        8
    """
    if lanes < 1:
        raise ConfigError(f"lanes: expected an integer of at least 1, received {lanes!r}")
    return (Lane(type, width, depth),) * lanes


def read(path) -> tuple[Lane, ...]:
    """Reads the lanes of a TOML file, in its order: lane k is dimension k of every class capsule.

        [[lane]]
        type = "mlcn2"
        width = 4
        depth = 1     # the default
        count = 2     # the default is 1

    Raises:
        ConfigError: the file cannot be read, holds no lane, or holds what it must not; the message
            names the file, the line and the key.
    """
    entries = toml.read_list(path, "lane", Lane, "docs/lanes.md")
    return tuple(entry.value for entry in entries for _ in range(entry.count))


def from_texts(texts: Iterable[Lane | str]) -> tuple[Lane, ...]:
    """Returns the lanes of their texts, as `str` gives them; a depth of 1 may be left out.

    A lane that is given as such stays as it is.

    Raises:
        ConfigError: a text stands for no lane; the message has its number.

    Example:
        >>> from_texts(["mlcn2, width 4, depth 1"])
        (Lane(type='mlcn2', width=4, depth=1),)
    """
    return tuple(_from_text(index, text) for index, text in enumerate(texts))


def checked(items: Iterable[Lane | str]) -> tuple[Lane, ...]:
    """Lanes, each given as such or as its text.

    Raises:
        ConfigError: there is none, or an item stands for no lane.

    Example:
        >>> checked(["mlcn2, width 4"])
        (Lane(type='mlcn2', width=4, depth=1),)
    """
    lanes = from_texts(items)
    if not lanes:
        raise ConfigError("expected at least one lane, received none; add one")
    return lanes


def _from_text(index, text) -> Lane:
    if isinstance(text, Lane):
        return text
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ConfigError(
            f"lane {index}: expected a text such as 'mlcn2, width 4, depth 1', received {text!r}"
        )
    try:
        return Lane(found[1], int(found[2]), int(found[3] or 1))
    except ConfigError as error:
        raise ConfigError(f"lane {index} ({text}): {error}") from None


def lane_name(index: int, lane: Lane) -> str:
    """Returns what to call a lane in an error.

    Example:
        >>> lane_name(3, Lane("mlcn1", 2, 7))
        'lane 3 (mlcn1, width 2, depth 7)'
    """
    return f"lane {index} ({lane})"
