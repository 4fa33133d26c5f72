"""TOML files: read, with the line of every key, and checked against dataclasses of options."""

import collections
import dataclasses
import functools
import re
import tomllib
from pathlib import Path

from caps_hvd.errors import ConfigError
from caps_hvd.io.options import check_keys, option, unknown_key

_PART = r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'"""
_KEY = rf"(?:{_PART})(?:\s*\.\s*(?:{_PART}))*"
_TABLE = re.compile(rf"\s*\[(\[?)\s*({_KEY})\s*\]\]?\s*(?:#.*)?")
_VALUE = re.compile(rf"\s*({_KEY})\s*=")


@dataclasses.dataclass(frozen=True)
class Document:
    """A TOML file: its values, and what errors call its keys.

    Args:
        path: what errors call the file.
        text: of the file.
        values: that `tomllib` has read from it.
    """

    path: Path
    text: str
    values: dict

    def where(self, *key: str | int) -> str:
        """Returns what to call a key in an error: `lab.toml: line 3: axes.batch_size`."""
        return name_key(self.path, self.text, key)

    def table(self, name: str) -> dict:
        """Returns a table at the top of the file, empty where there is none.

        Raises:
            ConfigError: the key is no table.
        """
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise ConfigError(
                f"{self.where(name)}: expected a table, received {value!r}; write [{name}] on a "
                "line of its own and the keys below it"
            )
        return value


def read(path, what: str = "", remedy: str = "") -> Document:
    """Reads a TOML file.

    Args:
        path: of the file.
        what: the file is, for errors: `the configuration`. Defaults to no name.
        remedy: what to do where it cannot be read, for errors. Defaults to none.

    Raises:
        ConfigError: the file cannot be read, or is not TOML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot read {what}".rstrip()
        raise ConfigError(f"{path}: {problem}: {error.strerror}{remedy and '; '}{remedy}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    return parse(text, path)


def parse(text: str, path) -> Document:
    """Returns the document in a text; `path` is what errors call it.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        return Document(Path(path), text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        last = f"in line {len(text.splitlines())}, the last one"
        reason = str(error).replace("at end of document", last)
        raise ConfigError(f"{path}: not a TOML file: {reason}") from None


def line_of(text: str, path: tuple[str | int, ...]) -> int:
    """Returns the line of a key, or of the nearest table or key around it.

    Args:
        text: of a file that `tomllib` could read.
        path: names of the tables around the key, then the key; the number of a table in a list of
            tables, counted from 0, stands behind the list's name.

    Returns:
        The line, counted from 1; 0 where nothing of the path has a line.

    Example:
        >>> line_of('[axes]\\nbatch_size = [50]', ("axes", "batch_size"))
        2
        >>> line_of('[[lane]]\\nwidth = 1\\n[[lane]]\\nwidth = 2', ("lane", 1, "width"))
        4
    """
    lines = _lines(text)
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 0)


def name_key(path, text: str, key: tuple[str | int, ...]) -> str:
    """Returns what to call a key in an error.

    Example:
        >>> name_key("lab.toml", "[axes]\\nbatch_size = [50]", ("axes", "batch_size"))
        'lab.toml: line 2: axes.batch_size'
    """
    line = line_of(text, key)
    return f"{path}: {f'line {line}: ' if line else ''}{'.'.join(map(str, key))}"


@functools.lru_cache(maxsize=8)
def _lines(text) -> dict[tuple[str | int, ...], int]:
    found, table, counts = {}, (), collections.Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.fullmatch(line):
            path = table = _parts(header[2])
            if header[1]:  # a table of a list
                path = table = (*table, counts[table])
                counts[table[:-1]] += 1
        elif value := _VALUE.match(line):
            path = table + _parts(value[1])
        else:
            continue
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], number)
    return found


def _parts(key) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A table of a list of tables.

    Args:
        value: the dataclass that it describes.
        where: file and line, for errors about it.
        count: how many there are of it, a key that every table may have besides its own.
    """

    value: object
    where: str
    count: int = option(1, "How many there are of it.", "Model", minimum=1, maximum=100_000)


def read_list(path, name: str, kind: type, page: str) -> tuple[Entry, ...]:
    """Reads and checks a file that holds one list of tables, such as `[[lane]]`.

    Args:
        path: of the file.
        name: of the list, "lane" for `[[lane]]`.
        kind: dataclass whose fields are made with `option` and are the keys of a table.
        page: of the documentation that shows such a file.

    Raises:
        ConfigError: the file cannot be read, is empty, or holds what it must not; the message names
            the file, the line and the key.
    """
    remedy = f"name a TOML file with a [[{name}]] for each, as {page} shows"
    document = read(path, remedy=remedy)
    tables = document.values.get(name, [])
    for key in document.values:
        if key != name:
            raise ConfigError(f"{document.where(key)}: {unknown_key(key, [name], page)}")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: {name}: expected tables headed [[{name}]], received {tables!r}")
    if not tables:
        raise ConfigError(f"{path}: expected at least one [[{name}]], received none; add one")
    return tuple(
        _entry(table, kind, document, (name, index), page) for index, table in enumerate(tables)
    )


def _entry(table, kind, document, place, page) -> Entry:
    def where(*key):
        return f"{document.path}: line {line_of(document.text, (*place, *key))}"

    fields = dataclasses.fields(kind)
    known = [*fields, *(field for field in dataclasses.fields(Entry) if field.name == "count")]
    checked = check_keys(table, known, lambda key: f"{where(key)}: {key}", page)
    count = checked.pop("count", Entry.count)
    for field in fields:
        if field.name not in checked and field.default is dataclasses.MISSING:
            raise ConfigError(
                f"{where()}: expected a line `{field.name} = ...` below it, received none"
            )
    return Entry(value=kind(**checked), count=count, where=where())
