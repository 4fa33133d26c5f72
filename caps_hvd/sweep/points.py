"""The points of a sweep, from its definition: each a complete training run on so many machines.

A pure function: nothing is read and nothing is started, so that `--dry-run` shows what would be.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Mapping, Sequence

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.lanes.groups import group_size
from caps_hvd.launch.hosts import hostfile
from caps_hvd.launch.hosts.hostfile import Host
from caps_hvd.sweep.definition import POINT_SETTINGS, SweepDefinition

_LONGEST_NAME = 120  # of a folder, with room for what goes around it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """One run of a sweep.

    Args:
        name: its folder and its job are called so; unique, and the same when the sweep grows.
        axes: `machines`, the definition's axes with their labels, `repetition`.
        config: what `caps-hvd train` is told.
        machines: how many machines take part.
        ranks: processes over all of them.
        hosts: the machines with a slot for each rank; None where Slurm chooses them, or where
            there is only this machine.
        device: auto, or cpu to hide the GPUs.
    """

    name: str
    axes: dict
    config: TrainConfig
    machines: int
    ranks: int
    hosts: tuple[Host, ...] | None = None
    device: str = "auto"


def plan(definition: SweepDefinition, hosts: Sequence[Host] | None = None) -> list[Point]:
    """Returns all points of a sweep, in the order in which they run.

    The machine count changes fastest, then the axes, the last one first, then the repetition: a
    sweep that is interrupted has whole scaling tables.

    Args:
        definition: of the sweep.
        hosts: the machines there are, from the definition's host file or from an allocation.

    Raises:
        ConfigError: a value does not fit another one, there are too few machines or slots, points
            would share machines, or two would be the same run; the message names the file and the
            line.

    Example:
        >>> [point.name for point in plan(parse("machine_counts = [1, 5]"), hosts)]
        ['m1-rep0', 'm5-rep0']
    """
    if hosts is not None and definition.at_once > 1:
        raise ConfigError(
            f"{definition.where('at_once')}: {definition.at_once} points at once would all "
            "train on the first machines of one list, and none would measure its own time; remove "
            'the line, or take launcher = "slurm", which gives each point machines of its own'
        )
    grid = itertools.product(
        range(definition.repetitions),
        *(axis.values for axis in definition.axes),
        definition.machine_counts,
    )
    points = [
        _point(definition, hosts, machines, values, repetition)
        for repetition, *values, machines in grid
    ]
    _reject_duplicates(definition, points)
    return points


def _point(definition, hosts, machines, values, repetition) -> Point:
    labels = {axis.name: value.label for axis, value in zip(definition.axes, values, strict=True)}
    options, settings = _options(definition, values)
    hosts, ranks = _places(definition, hosts, machines, settings["ranks_per_machine"])
    axes = {"machines": machines, **labels, "repetition": repetition}
    return Point(
        name=_name(axes),
        axes=axes,
        config=_config(definition, options, ranks, repetition),
        machines=machines,
        ranks=ranks,
        hosts=hosts,
        device=settings["device"],
    )


def config_of(definition: SweepDefinition, axes: Mapping, ranks: int) -> TrainConfig:
    """The configuration of a point, from its axes; no machines are needed for it.

    Args:
        definition: of the sweep.
        axes: as in `Point`.
        ranks: over all machines.

    Raises:
        ConfigError: the definition has no such point.
    """
    values = []
    for axis in definition.axes:
        found = [value for value in axis.values if value.label == axes.get(axis.name)]
        if not found:
            raise ConfigError(
                f"{definition.where('axes', axis.name)}: expected {axes.get(axis.name)!r} among "
                "its values, as there is a point with it; the definition is not that of the sweep"
            )
        values += found
    options, _ = _options(definition, values)
    return _config(definition, options, ranks, axes["repetition"])


def _options(definition, values) -> tuple[dict, dict]:
    """The options of training under these values of the axes, and the settings of a point."""
    options = dict(definition.train)
    for value in values:
        options.update(value.options)
    settings = {name: options.pop(name, getattr(definition, name)) for name in POINT_SETTINGS}
    return options, settings


def _config(definition, options, ranks, repetition) -> TrainConfig:
    options = {**options, "seed": options.get("seed", TrainConfig.seed) + repetition}
    try:
        config = TrainConfig(**options)
        batches = ranks // group_size(config, ranks)  # ranks with different lanes share one
        if definition.scaling == "weak":
            return config
    except ConfigError as error:
        raise ConfigError(f"{definition.where('train')}: {error}") from None
    return TrainConfig(**_share_batch(definition, options, batches))


def _places(definition, hosts, machines, ranks_per_machine):
    """The hosts of a point with the slots it uses, and its ranks."""
    if hosts is not None:
        if definition.launcher == "local":
            raise ConfigError(
                f"{definition.where('launcher')}: local starts one process on this machine, but "
                "there is a list of hosts; take mpirun or horovodrun"
            )
        where = definition.where("machine_counts")
        chosen = hostfile.machines(hosts, machines, where)
        if ranks_per_machine is None:
            return chosen, sum(host.slots for host in chosen)
        for host in chosen:
            if host.slots < ranks_per_machine:
                raise ConfigError(
                    f"{definition.where('ranks_per_machine')}: {ranks_per_machine} ranks on each "
                    f"machine, but {host.name} has {host.slots} in line {host.line} of the host "
                    "file; ask for fewer, or raise its slots="
                )
        chosen = tuple(dataclasses.replace(host, slots=ranks_per_machine) for host in chosen)
        return chosen, machines * ranks_per_machine
    if ranks_per_machine is None:
        raise ConfigError(
            f"{definition.where('ranks_per_machine')}: slots are those of a host file, but there "
            "is no hostfile; give one, or a number"
        )
    if machines > 1 and definition.launcher != "slurm":
        raise ConfigError(
            f"{definition.where('machine_counts')}: {machines} machines, but nothing says which; "
            'give a hostfile, launcher = "slurm", or start the sweep in a Slurm allocation'
        )
    if machines * ranks_per_machine > 1 and definition.launcher == "local":
        raise ConfigError(
            f"{definition.where('launcher')}: local starts one process without a launcher, "
            f"received {ranks_per_machine} ranks; take mpirun or horovodrun"
        )
    return None, machines * ranks_per_machine


def _share_batch(definition, options, batches) -> dict:
    """Strong scaling: the batch of all ranks is divided, and the rate stays as it is."""
    batch = options.get("batch_size", TrainConfig.batch_size)
    if batch % batches:
        counts = ", ".join(map(str, definition.machine_counts))
        step = math.lcm(*definition.machine_counts) * max(1, definition.ranks_per_machine or 1)
        raise ConfigError(
            f"{definition.where('scaling')}: strong scaling divides batch_size by the ranks "
            f"that have images of their own, but {batch} images are no multiple of {batches}; take "
            f'a multiple of {step} for {counts} machines, or scaling = "weak"'
        )
    return {"scale_learning_rate": "none", **options, "batch_size": batch // batches}


def _name(axes) -> str:
    """The point's name: `m5-batch_size_50-rep0`."""
    parts = [f"m{axes['machines']}"]
    parts += [
        _word(f"{name}_{value}")
        for name, value in axes.items()
        if name not in ("machines", "repetition")
    ]
    return "-".join([*parts, f"rep{axes['repetition']}"])


def _word(text) -> str:
    return re.sub(r"[^A-Za-z0-9_.+]+", "_", text).strip("_")


def _reject_duplicates(definition, points) -> None:
    """No two points may have one name, or be the same run under two."""
    first = {}
    for point in points:
        if len(point.name) > _LONGEST_NAME:
            raise ConfigError(
                f"{definition.where('axes')}: the name of a point, {point.name!r}, has "
                f"{len(point.name)} characters, expected at most {_LONGEST_NAME}; shorten labels"
            )
        for key in (point.name, (point.config, point.ranks, point.machines, point.device)):
            if (other := first.setdefault(key, point)) is not point:
                raise ConfigError(
                    f"{definition.where('axes')}: the points {_words(other)} and {_words(point)} "
                    "are the same; remove one of the values, or tell them apart by another label"
                )


def _words(point) -> str:
    return "(" + ", ".join(f"{name} {value}" for name, value in point.axes.items()) + ")"
