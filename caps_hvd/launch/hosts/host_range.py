"""Ranges of host names, as Slurm writes them: `node[01-15,20]` is sixteen hosts."""

import itertools
import math
import re

from caps_hvd.errors import ConfigError

MOST = 100_000  # hosts of one range: more is a slip of the hand
_PART = re.compile(r"(?P<first>[0-9]{1,9})(-(?P<last>[0-9]{1,9}))?")


def split_list(text: str) -> list[str]:
    """The words between the commas of a list, but for the commas of a range.

    Example:
        >>> split_list("a,node[1-2,4]:2")
        ['a', 'node[1-2,4]:2']
    """
    return re.split(r",(?![^\[\]]*\])", text)


def expand(name: str, where: str) -> list[str]:
    """The names that a name with ranges in brackets stands for; itself where it has none.

    Args:
        name: with any number of brackets. The first number of a range says how wide all are.
        where: what to call its place in an error.

    Raises:
        ConfigError: brackets or numbers cannot be read, or a name is there twice.

    Example:
        >>> expand("rack[1-2]n[08-10]", "-H")[:4]
        ['rack1n08', 'rack1n09', 'rack1n10', 'rack2n08']
    """
    pieces = re.split(r"\[([^\[\]]*)\]", name)
    fixed, numbers = pieces[::2], [_numbers(piece) for piece in pieces[1::2]]
    count = math.prod(map(len, numbers))
    if any("[" in piece or "]" in piece for piece in pieces) or not 0 < count <= MOST:
        raise ConfigError(
            f"{where}: expected a range such as node[01-15] or node[1,3-5], received {name!r}; "
            "correct what is in its brackets"
        )
    names = ["".join(_alternate(fixed, chosen)) for chosen in itertools.product(*numbers)]
    if len(set(names)) < count:
        twice = next(each for each in names if names.count(each) > 1)
        raise ConfigError(f"{where}: {name} names {twice} twice; leave one out")
    return names


def _numbers(text) -> list[str]:
    """The numbers of a range, as text of one width; none where it is no range, or a huge one."""
    found = []
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return []
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if not first <= last <= first + MOST:
            return []
        width = len(match["first"])
        found += [f"{number:0{width}}" for number in range(first, last + 1)]
    return found


def _alternate(fixed, chosen) -> list[str]:
    pairs = itertools.zip_longest(fixed, chosen, fillvalue="")
    return [text + number for text, number in pairs]
