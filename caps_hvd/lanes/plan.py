"""Lane plans: which device computes which lanes, and the file that keeps it."""

import dataclasses
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from caps_hvd.errors import ConfigError
from caps_hvd.io.atomic import write_text
from caps_hvd.io.typed import convert


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A lane plan: the lanes of each device, and how long they take.

    Args:
        assignment: for each device, the numbers of its lanes in ascending order.
        loads: for each device, the cost of its lanes over its speed: seconds, where costs are.
        makespan: the largest load, when all lanes are done.
        method: the partitioner's name.
        lower_bound: what no plan's makespan can go below.
        proven: whether no plan is faster.
        names: of the devices, where they are known.

    Example:
        >>> plan = Plan(assignment=((0,), (1, 2)), loads=(3.0, 2.5), makespan=3.0,
        ...             method="exact", lower_bound=2.75, proven=True)
        >>> round(plan.gap, 3)
        0.083
    """

    assignment: tuple[tuple[int, ...], ...]
    loads: tuple[float, ...]
    makespan: float
    method: str
    lower_bound: float
    proven: bool
    names: tuple[str, ...] = ()

    @property
    def ranks(self) -> int:
        return len(self.assignment)

    @property
    def lanes(self) -> int:
        return sum(map(len, self.assignment))

    @property
    def gap(self) -> float:
        """The part of the makespan that a faster plan could save at most, 0 to 1."""
        return 1 - self.lower_bound / self.makespan

    @property
    def idle(self) -> tuple[int, ...]:
        """Devices without a lane."""
        return tuple(index for index, lanes in enumerate(self.assignment) if not lanes)


def loads_of(assignment, costs, devices) -> tuple[float, ...]:
    """Returns the load of each device: the cost of its lanes over its speed.

    Args:
        assignment: for each device, the numbers of its lanes.
        costs: of each lane.
        devices: with their speeds.
    """
    return tuple(
        sum(costs[lane] for lane in lanes) / device.speed
        for lanes, device in zip(assignment, devices, strict=True)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _DeviceTable:
    """A table `[[device]]` of the file."""

    name: str
    load: float
    lanes: list[int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _File:
    """The keys of the file; `ranks` and `lanes` are how many."""

    ranks: int
    lanes: int
    method: str
    makespan: float
    lower_bound: float
    proven: bool
    device: list[_DeviceTable]


# What plan and file have in common.
_SHARED = ("method", "makespan", "lower_bound", "proven")


def write(path, plan: Plan, names: Sequence[str]) -> None:
    """Writes a plan as TOML.

    Args:
        path: of the file.
        plan: what to write.
        names: of the devices.

    Raises:
        RunError: the file cannot be written.
    """
    values = {key: getattr(plan, key) for key in ("ranks", "lanes", *_SHARED)}
    values["device"] = [
        {"name": name, "load": load, "lanes": lanes}
        for name, load, lanes in zip(names, plan.loads, plan.assignment, strict=True)
    ]
    write_text(path, tomli_w.dumps(values))


def read(path, ranks: int | None = None, lanes: int | None = None) -> Plan:
    """Reads a plan, and refuses one that is not for these ranks and lanes.

    Args:
        path: of a file that `write` has written.
        ranks: how many it must be for. Defaults to None, any number.
        lanes: how many it must be for. Defaults to None, any number.

    Raises:
        ConfigError: the file cannot be read, is no plan, or is one for other ranks or lanes.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        file = convert(values, _File, failure=ValueError)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the plan: {error.strerror}; `caps-hvd lanes balance` writes one"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{path}: not a plan: {error}; {_AGAIN}") from None
    for device in file.device:
        if not 0 <= device.load < math.inf:
            raise ConfigError(
                f"{path}: device {device.name}: load: expected a number of at least 0, received "
                f"{device.load}; {_AGAIN}"
            )
    plan = Plan(
        assignment=tuple(tuple(device.lanes) for device in file.device),
        loads=tuple(device.load for device in file.device),
        names=tuple(device.name for device in file.device),
        **{key: getattr(file, key) for key in _SHARED},
    )
    if not any(plan.loads):
        raise ConfigError(f"{path}: load: expected one above 0, received none; {_AGAIN}")
    given = sorted(lane for own in plan.assignment for lane in own)
    if given != list(range(file.lanes)) or file.ranks != plan.ranks:
        raise ConfigError(
            f"{path}: expected each of the lanes 0 to {file.lanes - 1} on one of {file.ranks} "
            f"devices, received {given} on {plan.ranks}; {_AGAIN}"
        )
    for what, wanted, received in (("ranks", ranks, plan.ranks), ("lanes", lanes, plan.lanes)):
        if wanted is not None and received != wanted:
            raise ConfigError(
                f"{path}: expected a plan for {wanted} {what}, received one for {received}; "
                f"{_AGAIN}"
            )
    return plan


_AGAIN = "make it anew with `caps-hvd lanes balance --output`"
