"""Conversion of plain values to dataclasses, checked all the way down, and their JSON files.

The dataclass is the schema: annotations are plain types, lists, tuples, dicts, enumerations and
further dataclasses, any of them `| None`. An error names the key, what was expected and what came.

Written here and not taken from a library: msgspec ignores keys that a dataclass lacks and does not
tell the value that it refuses, cattrs turns the text "2" into a number, and pydantic wants its own
configuration on every class.
"""

import dataclasses
import enum
import json
import math
import types
import typing
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import replacing

_Item = typing.TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class AtLeast:
    """A lower bound in an annotation: of a number, which is then finite, or of a list's length."""

    least: int


Count = typing.Annotated[int, AtLeast(1)]
NonNegative = typing.Annotated[float, AtLeast(0)]
NonEmpty = typing.Annotated[list[_Item], AtLeast(1)]
_NUMBERS = {int: "an integer", float: "a number"}


class _MismatchError(Exception):
    """What is wrong, and the keys that lead there."""

    def __init__(self, path, problem):
        super().__init__(problem)
        self.path = path


def formerly(name: str, **facts):
    """Returns a dataclass field that older files call `name`; `facts` are those of any field."""
    return dataclasses.field(metadata={"formerly": name}, **facts)


def convert(value, cls, where: str = "", failure: type[Exception] = RunError):
    """Returns plain values as what a type says.

    Args:
        value: of JSON or TOML: dicts, lists, texts, numbers, booleans and None.
        cls: a dataclass, or any other annotation, such as `list[Epoch]`.
        where: what errors begin with, such as the file's name.
        failure: what to raise.

    Raises:
        RunError, or what `failure` says: a key is missing or unknown, or a value is of the wrong
            type; the message names the key and the value.

    Example:
        >>> convert({"started_utc": "2026-01-02", "first_epoch": "1"}, Session, "record.json")
        RunError: record.json: first_epoch: expected int, received '1'
    """
    try:
        return _convert(value, cls, ())
    except _MismatchError as error:
        parts = (where, " ".join(error.path), str(error))
        raise failure(": ".join(filter(None, parts))) from None


def plain(value):
    """Returns dataclasses, lists and enumerations inside each other as JSON and TOML take them."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.value if isinstance(value, enum.Enum) else value


def write_json(path, value) -> None:
    """Writes a dataclass, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(_json(plain(value)) + "\n", encoding="utf-8")


def read_json(path, cls, what: str, remedy: str = "", older: tuple[str, ...] = ()):
    """Reads a dataclass that has a field `schema` with a default, which the file must repeat.

    Args:
        path: of a file that `write_json` has written.
        cls: the dataclass.
        what: the file is, for errors: `the calibration`.
        remedy: what to do where it is not, for errors. Defaults to none.
        older: further schemas that are read.

    Raises:
        RunError: the file is missing or damaged; the message names what is wrong in it.
    """
    remedy = remedy and f"; {remedy}"
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot read {what}: {error.strerror}{remedy}") from None
    except ValueError as error:
        raise RunError(f"{path}: not a JSON file: {error}{remedy}") from None
    found = values.get("schema") if isinstance(values, dict) else None
    if found not in (cls.schema, *older):
        raise RunError(f"{path}: schema: expected {cls.schema!r}, received {found!r}{remedy}")
    return convert(values | {"schema": cls.schema}, cls, str(path))


def _json(value, indent="") -> str:
    """JSON for people: lists of plain values stay on one line."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        items = [f"{inner}{json.dumps(name)}: {_json(each, inner)}" for name, each in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        items = [inner + _json(each, inner) for each in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _convert(value, annotation, path):
    """A value as what an annotation says; `path` are the keys that lead to it."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        if value is None:
            return None
        (annotation,) = set(typing.get_args(annotation)) - {types.NoneType}
    if typing.get_origin(annotation) is typing.Annotated:
        return _bounded(value, *typing.get_args(annotation), path)
    kind, items = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if dataclasses.is_dataclass(kind):
        return _instance(value, kind, path)
    if kind in (list, tuple):
        _expect(isinstance(value, list | tuple), "a list", value, path)
        return kind(_convert(each, items[0], (*path, f"[{i}]")) for i, each in enumerate(value))
    if issubclass(kind, enum.Enum):
        members = [each.value for each in kind]
        _expect(value in members, f"one of {', '.join(map(str, members))}", value, path)
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    fits = isinstance(value, kind) and (kind is not int or type(value) is int)  # True is an int
    _expect(fits, "an object" if kind is dict else kind.__name__, value, path)
    if kind is dict and items:
        return {name: _convert(each, items[1], (*path, name)) for name, each in value.items()}
    return value


def _bounded(value, annotation, bound, path):
    if annotation not in _NUMBERS:
        found = _convert(value, annotation, path)
        if len(found) < bound.least:
            raise _MismatchError(path, "expected at least one, received none")
        return found
    if annotation is float and type(value) is int:
        value = float(value)
    fits = type(value) is annotation and bound.least <= value < math.inf
    _expect(fits, f"{_NUMBERS[annotation]} of at least {bound.least}", value, path)
    return value


def _instance(value, kind, path):
    _expect(isinstance(value, dict), "an object", value, path)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    names = {field.metadata.get("formerly", name): name for name, field in fields.items()}
    value = {names.get(name, name): each for name, each in value.items()}
    unknown = [name for name in value if name not in fields]
    missing = [
        name
        for name, field in fields.items()
        if name not in value and field.default is field.default_factory is dataclasses.MISSING
    ]
    if unknown or missing:
        problem = f"unknown key {unknown[0]!r}" if unknown else f"a {missing[0]} is missing"
        raise _MismatchError(path, f"{problem}; expected the keys {', '.join(fields)}")
    return kind(
        **{name: _convert(each, fields[name].type, (*path, name)) for name, each in value.items()}
    )


def _expect(condition, expected, value, path):
    if not condition:
        raise _MismatchError(path, f"expected {expected}, received {value!r}")
