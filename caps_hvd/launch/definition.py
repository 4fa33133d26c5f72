"""A sweep's definition: a TOML file -> a frozen `SweepDefinition`, or one line that names the line.

name = "lab15"
machine_counts = [1, 5, 10, 15]
hostfile = "../hostfiles/lab15"
launcher = "mpirun"

[train]                      # any option of `caps-hvd train`
dataset = "mnist"

[axes]                       # the grid is the product of the machine counts and these
batch_size = [50, 100]       # values of one option ...

[axes.rate]                  # ... or bundles of options, each with a label
fixed = { warmup_epochs = 0, scale_learning_rate = "none" }
linear = { warmup_epochs = 5 }
"""

import dataclasses
import re
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

from caps_hvd import config
from caps_hvd.errors import ConfigError
from caps_hvd.launch import launchers
from caps_hvd.launch.toml_lines import line_of
from caps_hvd.options import check, describe_range, nearest, option, option_of

LAUNCHERS = (*launchers.LAUNCHERS, "slurm")  # slurm: each point is a job of its own
RESERVED_AXES = ("machines", "repetition", "ranks")

# The sweep gives these to each point itself.
_NOT_IN_TRAIN = ("run_dir", "resume")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlurmSettings:
    """The table `[slurm]`: what is asked of Slurm for every point."""

    mode: str = option(
        "jobs",
        "A job for each point, or an array of jobs for each machine count.",
        "Slurm",
        choices=("jobs", "array"),
    )
    at_once: int = option(
        1,
        "Points that may run at the same time; with 1 they wait for each other.",
        "Slurm",
        unit="points",
        minimum=1,
    )
    partition: str | None = option(None, "Partition to submit to.", "Slurm")
    account: str | None = option(None, "Account to charge.", "Slurm")
    qos: str | None = option(None, "Quality of service.", "Slurm")
    gpus_per_node: int = option(0, "GPUs of each node.", "Slurm", minimum=0)
    cpus_per_task: int | None = option(
        None, "Cores of each rank.", "Slurm", minimum=1, none="default"
    )
    container: str | None = option(
        None, "Apptainer image (.sif) or Docker image to run in.", "Slurm"
    )
    directives: tuple[str, ...] = option(
        (), 'More #SBATCH lines, such as ["--exclusive"].', "Slurm"
    )


@dataclasses.dataclass(frozen=True)
class Choice:
    """One value of an axis: its label and the options that it stands for."""

    label: int | float | str | bool
    values: Mapping


@dataclasses.dataclass(frozen=True)
class Axis:
    """One dimension of the grid besides machines and repetitions."""

    name: str
    choices: tuple[Choice, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepDefinition:
    """What a sweep is: the grid, the training program's options, and how points are started.

    The first fields are the keys of the file; `train`, `axes` and `slurm` are its tables.

    Args:
        path: of the file.
        text: of the file.
    """

    name: str = option("", "Name of the sweep and of its folder; the file's by default.", "Sweep")
    machine_counts: tuple[int, ...] = option(
        (1,), "Machines to train on: the axis `machines`.", "Sweep", unit="machines", minimum=1
    )
    ranks_per_machine: int | None = option(
        1,
        "Ranks on each machine; slots takes what the host file says.",
        "Sweep",
        unit="ranks",
        minimum=1,
        none="slots",
    )
    repetitions: int = option(
        1,
        "Times that each point is trained, with seeds counted up: the axis `repetition`.",
        "Sweep",
        minimum=1,
    )
    scaling: str = option(
        "weak",
        "Whether batch_size is that of each rank (weak) or of all together (strong).",
        "Sweep",
        choices=("weak", "strong"),
    )
    launcher: str = option("auto", "What starts the ranks.", "Sweep", choices=LAUNCHERS)
    hostfile: str | None = option(None, "Host file, relative to the definition's folder.", "Sweep")
    interface: str | None = option(None, "Network interface between the machines.", "Sweep")
    device: str = option(
        "auto",
        "Hide the GPUs from training (cpu), or use those there are.",
        "Sweep",
        choices=("auto", "cpu"),
    )
    time_minutes: float | None = option(
        None,
        "A point that takes longer is ended and has failed.",
        "Sweep",
        unit="minutes",
        above=0,
        none="unlimited",
    )
    train: Mapping = dataclasses.field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    slurm: SlurmSettings = SlurmSettings()
    path: Path = Path("definition.toml")
    text: str = ""

    def where(self, *key: str) -> str:
        """What to call a key in an error: `lab.toml: line 3: axes.batch_size`."""
        return _where(self.path, self.text)(*key)


# What an axis may vary besides the options of training.
POINT_SETTINGS = ("ranks_per_machine", "device")


def keys(kind) -> dict[str, dataclasses.Field]:
    """Name -> field of what a file may set in one of the classes above."""
    return {field.name: field for field in dataclasses.fields(kind) if "option" in field.metadata}


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


def parse(text: str, path="definition.toml") -> SweepDefinition:
    """The definition in a text; `path` is what errors call it, and what files are relative to.

    Example:
        >>> parse('name = "a"\\nmachine_counts = [1, 5]').machine_counts
        (1, 5)
    """
    path = Path(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    where = _where(path, text)
    tables = {name: _table(values, name, where) for name in ("train", "axes", "slurm")}
    top = _checked(SweepDefinition, values, where, more=tuple(tables))
    top.setdefault("name", path.stem)
    if not _NAME.fullmatch(top["name"]):
        raise ConfigError(
            f"{where('name')}: expected up to 64 letters, digits, dots, dashes and underscores, "
            f"a letter or digit first, received {top['name']!r}; it becomes a folder's name"
        )
    return SweepDefinition(
        **top,
        train=_train_values(tables["train"], where, "train"),
        axes=tuple(_axis(name, value, where) for name, value in tables["axes"].items()),
        slurm=SlurmSettings(
            **_checked(SlurmSettings, tables["slurm"], lambda *key: where("slurm", *key))
        ),
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


def _where(path, text) -> Callable[..., str]:
    def where(*key: str) -> str:
        line = line_of(text, key)
        return f"{path}: line {line}: {'.'.join(key)}" if line else f"{path}: {'.'.join(key)}"

    return where


def _checked(kind, values, where, more=()) -> dict:
    known = keys(kind)
    for name in values:
        if name not in known:
            elsewhere = {field.name for field in config.fields()} - set(_NOT_IN_TRAIN)
            hint = (
                "; it is an option of training: put it below [train]"
                if name in elsewhere
                else nearest(name, [*known, *more])
            )
            raise ConfigError(
                f"{where(name)}: unknown key{hint}; the keys are {', '.join([*known, *more])}"
            )
    return {name: _value(known[name], value, where(name)) for name, value in values.items()}


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
    return config.from_mapping(values, lambda name: where(*path, name))


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
