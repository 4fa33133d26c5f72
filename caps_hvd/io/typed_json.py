"""JSON files whose schema is a dataclass: written whole or not at all, checked all the way down.

For small files that one command measures and another one reads. The dataclass has a field `schema`
with a default, which the file must repeat; units are in the names.
"""

import dataclasses
import json
import math
import typing
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import replacing


def write(path, value) -> None:
    """Writes a dataclass, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(path) as partial:
        text = json.dumps(dataclasses.asdict(value), indent=2, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read(path, kind: type, what: str, remedy: str, may_be_empty: tuple[type, ...] = ()):
    """Reads a dataclass and checks it.

    Args:
        path: of a file that `write` has written.
        kind: the dataclass.
        what: the file is, for errors: `the calibration`.
        remedy: what to do where it is not, for errors.
        may_be_empty: what lists may hold nothing of.

    Raises:
        RunError: the file is missing or damaged; the message names what is wrong in it.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot read {what}: {error.strerror}; {remedy}") from None
    except ValueError as error:
        raise RunError(f"{path}: not a JSON file: {error}; {remedy}") from None
    found = values.get("schema") if isinstance(values, dict) else None
    if found != kind.schema:
        raise RunError(f"{path}: schema: expected {kind.schema!r}, received {found!r}; {remedy}")
    return _build(kind, values, f"{path}: ", may_be_empty)


def _build(kind, value, where: str, may_be_empty):
    """A value of JSON as what an annotation says; numbers are finite and not negative."""
    if dataclasses.is_dataclass(kind):
        fields = {field.name: field.type for field in dataclasses.fields(kind)}
        received = sorted(value) if isinstance(value, dict) else value
        if not isinstance(value, dict) or set(value) != set(fields):
            raise RunError(f"{where}expected the keys {', '.join(fields)}, received {received!r}")
        return kind(
            **{
                name: _build(fields[name], value[name], f"{where}{name}: ", may_be_empty)
                for name in fields
            }
        )
    if typing.get_origin(kind) is list:
        if not isinstance(value, list):
            raise RunError(f"{where}expected a list, received {value!r}")
        (item,) = typing.get_args(kind)
        built = [
            _build(item, each, f"{where}[{i}]: ", may_be_empty) for i, each in enumerate(value)
        ]
        if not built and item not in may_be_empty:
            raise RunError(f"{where}expected at least one, received none")
        return built
    if kind is float and type(value) is int:
        value = float(value)
    lowest = 1 if kind is int else 0
    if type(value) is not kind or (kind in (int, float) and not lowest <= value < math.inf):
        words = {int: "an integer of at least 1", float: "a number of at least 0", str: "text"}
        raise RunError(f"{where}expected {words[kind]}, received {value!r}")
    return value
