"""Check that points that were begun, or wait in a queue, are still planned as they were."""

import tomllib
from collections.abc import Mapping

from caps_hvd.config.file import from_mapping, of_run
from caps_hvd.config.train_config import TrainConfig, fields
from caps_hvd.errors import CapsHvdError, RunError
from caps_hvd.records.point_status import PointStatus
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.executors import slurm
from caps_hvd.sweep.points import Point

# Options that a point may change without being another point, unless they decide its result.
_MAY_CHANGE = ("epochs", "data_dir")
_FACTS = ("machines", "ranks", "device", "launcher", "interface")


def plan_values(definition: SweepDefinition, point: Point) -> dict:
    """Returns everything that decides what a point measures, as the values of a TOML file."""
    facts = {
        "name": point.name,
        "machines": point.machines,
        "ranks": point.ranks,
        "device": point.device,
        "launcher": definition.launcher,
        "axes": point.axes,
    }
    if definition.interface is not None:
        facts["interface"] = definition.interface
    if point.hosts is not None:
        facts["hosts"] = [f"{host.name}:{host.slots}" for host in point.hosts]
    return {"point": facts, "train": point.config.file_values()}


def check(directory, definition: SweepDefinition, points, state) -> None:
    """Makes sure that what was begun, or is in a queue, is what the definition says now.

    Args:
        directory: of the sweep.
        definition: as it is now.
        points: of the definition.
        state: of the sweep; jobs that are gone are taken out of it, where that matters.

    Raises:
        RunError: a point was begun, or waits, with other values; the message names both.
        SetupError: there are jobs of points that have changed, and Slurm cannot be asked.
    """
    changed = {
        point.name: (point, difference)
        for point in points
        if directory.begun(point) or state.of(point.name).job
        if (difference := _difference(directory.plan(point), definition, point))
    }
    begun = [each for each in changed.values() if directory.begun(each[0])]
    if begun:
        point, difference = begun[0]
        raise RunError(
            f"{directory.run(point)} was begun with {difference}{_more(begun)}; name another "
            "folder with --output, set the value back, or remove what was begun"
        )
    waiting = {  # without the jobs that Slurm no longer has
        change.name: change.job
        for change in slurm.look({name: state.of(name).job for name in changed})
        if change.status in (PointStatus.WAITING, PointStatus.RUNNING)
    }
    if waiting:
        name, job = next(iter(waiting.items()))
        point, difference = changed[name]
        raise RunError(
            f"{directory.run(point)} is in Slurm's queue as job {job}, with {difference}"
            f"{_more(waiting)}; set the value back, cancel with `scancel "
            f"{' '.join(dict.fromkeys(each.partition('_')[0] for each in waiting.values()))}`, or "
            "name another folder with --output"
        )
    for name in changed:
        state.of(name).job = None


def _more(changed) -> str:
    return f" ({len(changed) - 1} more points differ, too)" if len(changed) > 1 else ""


def _difference(path, definition, point) -> str:
    """What a point was planned with and is no longer, in words; empty where there is nothing."""
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
        before, facts, epochs = plan["train"], plan["point"], plan["train"]["epochs"]
        options = different_option(before, point.config)
    except FileNotFoundError:
        return f"no {path.name} beside it that says how"
    except (OSError, ValueError, KeyError, CapsHvdError):
        return f"a plan that cannot be read, {path}"
    now = plan_values(definition, point)["point"]
    for name in _FACTS:
        if facts.get(name) != now.get(name):
            return f"{name} = {facts.get(name)!r}, and {definition.path} says {now.get(name)!r}"
    if options:
        name, value, other = options
        return f"train.{name} = {value!r}, and {definition.path} says {other!r}"
    if epochs > point.config.epochs:
        return (
            f"epochs = {epochs}, and {definition.path} says {point.config.epochs}; "
            "more would go on, fewer would not be what was trained"
        )
    return ""


def different_option(before: Mapping, now: TrainConfig) -> tuple | None:
    """Returns the first option that makes a run another one than planned, with both values.

    Args:
        before: options of the run, as a plan or a record has them; those that this version does
            not know are left out.
        now: what is planned.

    Raises:
        ConfigError: a value is out of range.
    """
    known = {field.name for field in fields()}
    begun = TrainConfig(
        **of_run(from_mapping({name: before[name] for name in before if name in known}))
    )
    decides = begun.deciding_names()
    values, planned = begun.file_values(), now.file_values()
    for name in {**values, **planned}:
        if name in _MAY_CHANGE and name not in decides:
            continue
        if name == "model_sha256" and planned.get(name) is None:
            continue  # where results are collected the file need not be
        if values.get(name) != planned.get(name):
            return name, values.get(name), planned.get(name)
    return None
