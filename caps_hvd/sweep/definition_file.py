"""A sweep's definition: a TOML file -> a `SweepDefinition`, or one line that names the line."""

import re
import tomllib
import types
import typing
from collections.abc import Collection
from pathlib import Path

from caps_hvd.config import file, train_config
from caps_hvd.errors import ConfigError
from caps_hvd.io.options import check, describe_range, option_of, unknown_key
from caps_hvd.io.toml import name_key
from caps_hvd.sweep.definition import (
    POINT_SETTINGS,
    RESERVED_AXES,
    Axis,
    Choice,
    SlurmSettings,
    SweepDefinition,
    keys,
)

# The sweep gives these to each point itself.
_NOT_IN_TRAIN = ("run_dir", "resume")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read(path) -> SweepDefinition:
    """Reads and checks a definition.

    Raises:
        ConfigError: the file cannot be read or holds what it must not; the message names the file,
            the line and the key, and what to write instead.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the sweep's definition: {error.strerror}; name a TOML file such "
            "as jobs/local.toml"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    return parse(text, path)


def parse(text: str, path="definition.toml", others: Collection[str] = ()) -> SweepDefinition:
    """The definition in a text.

    Args:
        text: TOML.
        path: what errors call it, and what files are relative to.
        others: keys of whoever has made more of the format, and reads them itself.

    Example:
        >>> parse('name = "a"\\nmachine_counts = [1, 5]').machine_counts
        (1, 5)
    """
    path = Path(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"in line {len(text.splitlines())}, the last one"
        reason = str(error).replace("at end of document", last)
        raise ConfigError(f"{path}: not a TOML file: {reason}") from None

    def where(*key: str) -> str:
        return name_key(path, text, key)

    tables = {name: _table(values, name, where) for name in ("train", "axes", "slurm")}
    values = {name: value for name, value in values.items() if name not in others}
    top = _checked(SweepDefinition, values, where, more=(*tables, *others))
    top.setdefault("name", path.stem)
    if not _NAME.fullmatch(top["name"]):
        raise ConfigError(
            f"{where('name')}: expected up to 64 letters, digits, dots, dashes and underscores, "
            f"a letter or digit first, received {top['name']!r}; it becomes a folder's name"
        )
    if top.get("launcher") == "slurm" and top.get("hostfile") is not None:
        raise ConfigError(
            f"{where('hostfile')}: Slurm chooses the machines; remove the line, or take another "
            "launcher"
        )
    settings = _checked(SlurmSettings, tables["slurm"], lambda *key: where("slurm", *key))
    if settings and top.get("launcher") != "slurm":
        raise ConfigError(
            f'{where("slurm")}: what is asked of Slurm counts with launcher = "slurm" only, '
            f'received launcher = "{top.get("launcher", SweepDefinition.launcher)}"; change the '
            "launcher, or remove the table"
        )
    train = _train_values(tables["train"], where, "train")
    axes = tuple(_axis(name, value, where) for name, value in tables["axes"].items())
    outside = {name: (name,) for name in top} | {name: ("train", name) for name in train}
    _refuse_overridden(axes, outside, where)
    return SweepDefinition(
        **top,
        train=train,
        axes=axes,
        slurm=SlurmSettings(**settings),
        path=path,
        text=text,
    )


def _table(values, name, where) -> dict:
    value = values.pop(name, {})
    if not isinstance(value, dict):
        raise ConfigError(
            f"{where(name)}: expected a table, received {value!r}; write [{name}] on a line of its "
            "own and the keys below it"
        )
    return value


def _checked(kind, values, where, more=()) -> dict:
    known = keys(kind)
    for name in values:
        if name not in known:
            problem = _home(name) or unknown_key(name, [*known, *more], "docs/sweeps.md")
            raise ConfigError(f"{where(name)}: {problem}")
    return {name: _value(known[name], value, where(name)) for name, value in values.items()}


def _home(name) -> str:
    """Where a key belongs that is unknown where it stands; empty where it is unknown everywhere."""
    if name in {field.name for field in train_config.fields()} - set(_NOT_IN_TRAIN):
        return "unknown key; it is an option of training: put it below [train]"
    if name in keys(SweepDefinition):
        return "unknown key; it is a key of the sweep: put it above the first table"
    return "unknown key; put it below [slurm]" if name in keys(SlurmSettings) else ""


def _value(field, value, where):
    """A checked value; a list becomes a tuple of checked items without repetitions."""
    if typing.get_origin(field.type) is not tuple:
        return check(field, value, where)
    kind = typing.get_args(field.type)[0]
    if not isinstance(value, list) or (not value and field.default):
        words = {int: "integers", str: "texts"}[kind]
        expected = " ".join(filter(None, [f"a list of {words}", describe_range(option_of(field))]))
        raise ConfigError(f"{where}: expected {expected}, received {value!r}")
    item = types.SimpleNamespace(name=field.name, type=kind, metadata=field.metadata)
    items = tuple(check(item, each, where) for each in value)
    _refuse_repeated(items, where)
    return items


def _refuse_repeated(items, where):
    repeated = next((item for index, item in enumerate(items) if item in items[:index]), None)
    if repeated is not None:
        raise ConfigError(f"{where}: {repeated!r} is there twice; keep one of them")


def _train_values(values, where, *path) -> dict:
    for name in _NOT_IN_TRAIN:
        if name in values:
            raise ConfigError(
                f"{where(*path, name)}: the sweep chooses it for each point; remove the line"
            )
    return file.from_mapping(values, lambda name: where(*path, name))


def _axis(name, value, where) -> Axis:
    here = where("axes", name)
    if name in RESERVED_AXES:
        key = {"machines": "machine_counts", "repetition": "repetitions"}.get(
            name, "ranks_per_machine"
        )
        raise ConfigError(f"{here}: the sweep has this axis already; use {key} instead")
    if isinstance(value, list):
        choices = [Choice(each, _bundle({name: each}, where, "axes")) for each in value]
    elif isinstance(value, dict):
        choices = [
            Choice(label, _bundle(_options(each, label, name, where), where, "axes", name, label))
            for label, each in value.items()
        ]
    else:
        raise ConfigError(
            f"{here}: expected a list of values, or a table of bundles such as "
            f"fast = {{ learning_rate = 0.01 }}, received {value!r}"
        )
    if not choices:
        raise ConfigError(f"{here}: expected at least one value, received none; remove the axis")
    _refuse_repeated([choice.label for choice in choices], here)
    return Axis(name, tuple(choices))


def _refuse_overridden(axes, keys, where) -> None:
    """No key may be set where no point would ever see its value.

    Args:
        axes: of the definition.
        keys: name -> path of each key that is set outside of the axes.
        where: what to call a key.
    """
    for axis in axes:
        in_every_point = set.intersection(*(set(choice.values) for choice in axis.choices))
        for name in sorted(in_every_point):
            if name in keys:
                raise ConfigError(
                    f"{where('axes', axis.name)}: it sets {name} in every point, so "
                    f"{where(*keys[name])} counts for none; remove one of them"
                )
            keys = {**keys, name: ("axes", axis.name)}


def _options(value, label, axis, where) -> dict:
    if not isinstance(value, dict):
        raise ConfigError(
            f"{where('axes', axis, label)}: expected options in braces such as "
            f"{{ learning_rate = 0.01 }}, received {value!r}"
        )
    return value


def _bundle(values, where, *path) -> dict:
    """Checked options of training and settings of a point, by name."""
    settings = keys(SweepDefinition)
    own = {name: values[name] for name in values if name in POINT_SETTINGS}
    rest = {name: value for name, value in values.items() if name not in own}
    return {
        **{name: check(settings[name], own[name], where(*path, name)) for name in own},
        **_train_values(rest, where, *path),
    }
