"""Reading and writing of a sweep's definition, a TOML file."""

import copy
import functools
import re
import typing
from collections.abc import Collection

import tomli_w

from caps_hvd.config import file, train_config
from caps_hvd.errors import ConfigError
from caps_hvd.io import toml
from caps_hvd.io.options import check, check_keys, describe_range, option_of
from caps_hvd.sweep.definition import (
    POINT_SETTINGS,
    RESERVED_AXES,
    Axis,
    AxisValue,
    SlurmTable,
    SweepDefinition,
    keys,
)

# The sweep gives these to each point itself.
_NOT_IN_TRAIN = ("run_dir", "resume")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TABLES = ("train", "axes", "slurm")


def read(path) -> SweepDefinition:
    """Reads and checks a definition.

    Raises:
        ConfigError: the file cannot be read or holds what it must not; the message names the file,
            the line and the key, and what to write instead.
    """
    remedy = "name a TOML file such as jobs/local.toml"
    return from_document(toml.read(path, "the sweep's definition", remedy))


def parse(text: str, path="definition.toml") -> SweepDefinition:
    """Returns the definition in a text; `path` is what errors call it, and files are relative to.

    Example:
        >>> parse('name = "a"\\nmachine_counts = [1, 5]').machine_counts
        (1, 5)
    """
    return from_document(toml.parse(text, path))


def from_document(document: toml.Document, others: Collection[str] = ()) -> SweepDefinition:
    """Returns the definition in a file that was read.

    Args:
        document: the file.
        others: keys of whoever has made more of the format, and reads them itself.

    Raises:
        ConfigError: it holds what it must not.
    """
    where = document.where
    train, axes, slurm = map(document.table, _TABLES)
    check_table = functools.partial(
        check_keys, page="docs/sweeps.md", check=_value, elsewhere=_home, others=(*_TABLES, *others)
    )
    values = {
        key: value for key, value in document.values.items() if key not in (*_TABLES, *others)
    }
    top = check_table(values, keys(SweepDefinition).values(), where)
    top.setdefault("name", document.path.stem)
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
    settings = check_table(
        slurm, keys(SlurmTable).values(), functools.partial(where, "slurm"), others=()
    )
    if settings and top.get("launcher") != "slurm":
        raise ConfigError(
            f'{where("slurm")}: what is asked of Slurm counts with launcher = "slurm" only, '
            f'received launcher = "{top.get("launcher", SweepDefinition.launcher)}"; change the '
            "launcher, or remove the table"
        )
    train = _train_values(train, where, "train")
    axes = tuple(_axis(name, value, where) for name, value in axes.items())
    outside = {name: (name,) for name in top} | {name: ("train", name) for name in train}
    _reject_overridden(axes, outside, where)
    return SweepDefinition(
        **top,
        train=train,
        axes=axes,
        slurm=SlurmTable(**settings),
        path=document.path,
        text=document.text,
    )


def to_toml(definition: SweepDefinition) -> str:
    """Returns a text that `parse` reads as the definition; what is at its default is left out."""
    fields = keys(SweepDefinition) | {field.name: field for field in train_config.fields()}
    values = {
        **_changed(definition),
        "train": _file_values(definition.train, fields),
        "axes": {
            axis.name: {
                str(value.label): _file_values(value.options, fields) for value in axis.values
            }
            for axis in definition.axes
        },
        "slurm": _changed(definition.slurm),
    }
    return tomli_w.dumps({name: value for name, value in values.items() if value != {}})


def _changed(settings) -> dict:
    """Values that differ from their defaults, as a file has them."""
    fields = keys(type(settings))
    values = {name: getattr(settings, name) for name in fields}
    changed = {name: value for name, value in values.items() if value != fields[name].default}
    return _file_values(changed, fields)


def _file_values(values, fields) -> dict:
    found = {}
    for name, value in values.items():
        if isinstance(value, tuple):  # of numbers, or of what a file has as texts
            value = [each if isinstance(each, int) else str(each) for each in value]
        found[name] = option_of(fields[name]).none if value is None else value
    return found


def _home(name) -> str:
    """Where a key belongs that is unknown where it stands; empty where it is unknown everywhere."""
    if name in {field.name for field in train_config.fields()} - set(_NOT_IN_TRAIN):
        return "unknown key; it is an option of training: put it below [train]"
    if name in keys(SweepDefinition):
        return "unknown key; it is a key of the sweep: put it above the first table"
    return "unknown key; put it below [slurm]" if name in keys(SlurmTable) else ""


def _value(field, value, where):
    """A checked value; a list becomes a tuple of checked items without repetitions."""
    if typing.get_origin(field.type) is not tuple:
        return check(field, value, where)
    item = copy.copy(field)
    (item.type, _) = typing.get_args(field.type)
    if not isinstance(value, list) or (not value and field.default):
        words = {int: "integers", str: "texts"}[item.type]
        expected = " ".join(filter(None, [f"a list of {words}", describe_range(option_of(field))]))
        raise ConfigError(f"{where}: expected {expected}, received {value!r}")
    items = tuple(check(item, each, where) for each in value)
    _reject_repeated(items, where)
    return items


def _reject_repeated(items, where):
    repeated = next((item for index, item in enumerate(items) if item in items[:index]), None)
    if repeated is not None:
        raise ConfigError(f"{where}: {repeated!r} is there twice; keep one of them")


def _train_values(values, where, *path) -> dict:
    for name in _NOT_IN_TRAIN:
        if name in values:
            raise ConfigError(
                f"{where(*path, name)}: the sweep chooses it for each point; remove the line"
            )
    return file.from_mapping(values, functools.partial(where, *path))


def _axis(name, value, where) -> Axis:
    here = where("axes", name)
    if name in RESERVED_AXES:
        key = {"machines": "machine_counts", "repetition": "repetitions"}.get(
            name, "ranks_per_machine"
        )
        raise ConfigError(f"{here}: the sweep has this axis already; use {key} instead")
    if isinstance(value, list):
        values = [AxisValue(each, _bundle({name: each}, where, "axes")) for each in value]
    elif isinstance(value, dict):
        values = [
            AxisValue(label, _bundle(each, where, "axes", name, label))
            for label, each in value.items()
        ]
    else:
        raise ConfigError(
            f"{here}: expected a list of values, or a table of bundles such as "
            f"fast = {{ learning_rate = 0.01 }}, received {value!r}"
        )
    if not values:
        raise ConfigError(f"{here}: expected at least one value, received none; remove the axis")
    _reject_repeated([value.label for value in values], here)
    return Axis(name, tuple(values))


def _reject_overridden(axes, keys, where) -> None:
    """No key may be set where no point would ever see its value.

    Args:
        axes: of the definition.
        keys: name -> path of each key that is set outside of the axes.
        where: what to call a key.
    """
    for axis in axes:
        in_every_point = set.intersection(*(set(value.options) for value in axis.values))
        for name in sorted(in_every_point):
            if name in keys:
                raise ConfigError(
                    f"{where('axes', axis.name)}: it sets {name} in every point, so "
                    f"{where(*keys[name])} counts for none; remove one of them"
                )
            keys = {**keys, name: ("axes", axis.name)}


def _bundle(values, where, *path) -> dict:
    """Checked options of training and settings of a point, by name."""
    if not isinstance(values, dict):
        raise ConfigError(
            f"{where(*path)}: expected options in braces such as {{ learning_rate = 0.01 }}, "
            f"received {values!r}"
        )
    fields = {name: keys(SweepDefinition)[name] for name in POINT_SETTINGS if name in values}
    own = {name: check(field, values[name], where(*path, name)) for name, field in fields.items()}
    rest = {name: value for name, value in values.items() if name not in own}
    return own | _train_values(rest, where, *path)
