"""Where a key stands in the text of a TOML file: `tomllib` does not say."""

import re

_PART = r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'"""
_KEY = rf"(?:{_PART})(?:\s*\.\s*(?:{_PART}))*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_KEY})\s*\]\]?\s*(?:#.*)?")
_VALUE = re.compile(rf"\s*({_KEY})\s*=")


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line of a key, or of the nearest table or key around it.

    Args:
        text: of a file that `tomllib` could read.
        path: names of the tables around the key, then the key.

    Returns:
        The line, counted from 1; 0 where nothing of the path has a line.

    Example:
        >>> line_of('[axes]\\nbatch_size = [50]', ("axes", "batch_size"))
        2
    """
    lines = _lines(text)
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 0)


def name_key(path, text: str, key: tuple[str, ...]) -> str:
    """What to call a key in an error.

    Example:
        >>> name_key("lab.toml", "[axes]\\nbatch_size = [50]", ("axes", "batch_size"))
        'lab.toml: line 2: axes.batch_size'
    """
    line = line_of(text, key)
    return f"{path}: {f'line {line}: ' if line else ''}{'.'.join(key)}"


def _lines(text) -> dict[tuple[str, ...], int]:
    found, table = {}, ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.fullmatch(line):
            path = table = _parts(header[1])
        elif value := _VALUE.match(line):
            path = table + _parts(value[1])
        else:
            continue
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], number)
    return found


def _parts(key) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
