"""TOML files that are a list: `[[lane]]`, `[[device]]`, read into frozen dataclasses."""

import dataclasses
import re
import tomllib
from pathlib import Path

from caps_hvd.errors import ConfigError
from caps_hvd.io.options import check, option, unknown_key

_PAGE = "docs/lanes.md"


@dataclasses.dataclass(frozen=True)
class _Repeated:
    """The key that every table may have besides its own."""

    count: int = option(1, "How many there are of it.", "Model", minimum=1, maximum=100_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One table of a file.

    Args:
        value: the dataclass that it describes.
        count: how many there are of it.
        where: file and line, for errors about it.
    """

    value: object
    count: int
    where: str


def read(path, name: str, kind: type) -> tuple[Entry, ...]:
    """Reads and checks a file that holds one list of tables.

    Args:
        path: of the file.
        name: of the list, "lane" for `[[lane]]`.
        kind: dataclass whose fields are made with `option` and are the keys of a table.

    Raises:
        ConfigError: the file cannot be read, is empty, or holds what it must not; the message names
            the file, the line and the key.
    """
    text = _text(path, name)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    tables = values.pop(name, [])
    for key in values:
        line = _line_of_key(text.splitlines(), key)
        raise ConfigError(f"{path}: line {line}: {key}: {unknown_key(key, [name], _PAGE)}")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: {name}: expected tables headed [[{name}]], received {tables!r}")
    if not tables:
        raise ConfigError(f"{path}: expected at least one [[{name}]], received none; add one")
    return tuple(
        _entry(table, kind, path, _Lines(text, name, index)) for index, table in enumerate(tables)
    )


def _text(path, name) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read: {error.strerror}; name a TOML file with a [[{name}]] for each, "
            f"as {_PAGE} shows"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None


def _entry(table, kind, path, lines) -> Entry:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    known = fields | {field.name: field for field in dataclasses.fields(_Repeated)}
    where = f"{path}: line {lines.of()}"
    for key in table:
        if key not in known:
            problem = unknown_key(key, known, _PAGE)
            raise ConfigError(f"{path}: line {lines.of(key)}: {key}: {problem}")
    checked = {
        key: check(known[key], value, f"{path}: line {lines.of(key)}: {key}")
        for key, value in table.items()
    }
    count = checked.pop("count", _Repeated.count)
    for key, field in fields.items():
        if key not in checked and field.default is dataclasses.MISSING:
            raise ConfigError(f"{where}: expected a line `{key} = ...` below it, received none")
    return Entry(value=kind(**checked), count=count, where=where)


class _Lines:
    """Where the keys of one table of a list stand, which `tomllib` does not say.

    Args:
        text: of a file that `tomllib` could read.
        name: of the list.
        index: of the table in it.
    """

    def __init__(self, text, name, index):
        self._lines = text.splitlines()
        header = re.compile(rf"\s*\[\[\s*{name}\s*\]\]")
        headers = [number for number, line in enumerate(self._lines) if header.match(line)]
        # A list may also stand in one line: lane = [{...}, {...}].
        self._start = headers[index] if index < len(headers) else None
        self._end = headers[index + 1] if index + 1 < len(headers) else None
        self._name = name

    def of(self, key: str | None = None) -> int:
        """The line of a key, or of the table, counted from 1."""
        if self._start is None:
            return _line_of_key(self._lines, self._name)
        if key is None:
            return self._start + 1
        return self._start + _line_of_key(self._lines[self._start : self._end], key)


def _line_of_key(lines, key) -> int:
    """The line of a key or table, counted from 1; the first line where it has none."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*(=|\.|\])""")
    return next((number for number, line in enumerate(lines, 1) if pattern.match(line)), 1)
