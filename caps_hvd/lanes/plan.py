"""Which device computes which lanes, and the file that keeps it."""

import dataclasses
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from caps_hvd.errors import ConfigError
from caps_hvd.io.atomic import replacing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Lanes on devices.

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


def write(path, plan: Plan, names: Sequence[str]) -> None:
    """Writes a plan as TOML.

    Args:
        path: of the file.
        plan: what to write.
        names: of the devices.

    Raises:
        RunError: the file cannot be written.
    """
    values = {
        "ranks": plan.ranks,
        "lanes": plan.lanes,
        "method": plan.method,
        "makespan": plan.makespan,
        "lower_bound": plan.lower_bound,
        "proven": plan.proven,
        "device": [
            {"name": name, "load": load, "lanes": list(lanes)}
            for name, load, lanes in zip(names, plan.loads, plan.assignment, strict=True)
        ],
    }
    with replacing(path) as partial:
        partial.write_text(tomli_w.dumps(values), encoding="utf-8")


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
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the plan: {error.strerror}; `caps-hvd lanes balance` writes one"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a plan: {error}; {_AGAIN}") from None
    try:
        devices = values["device"]
        plan = Plan(
            assignment=tuple(tuple(map(int, device["lanes"])) for device in devices),
            loads=tuple(float(device["load"]) for device in devices),
            makespan=float(values["makespan"]),
            method=str(values["method"]),
            lower_bound=float(values["lower_bound"]),
            proven=bool(values["proven"]),
            names=tuple(str(device["name"]) for device in devices),
        )
        written = (int(values["ranks"]), int(values["lanes"]))
    except KeyError as error:
        raise ConfigError(
            f"{path}: not a plan: expected {error.args[0]}, received none; {_AGAIN}"
        ) from None
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: not a plan: {type(error).__name__}: {error}; {_AGAIN}"
        ) from None
    for name, load in zip(plan.names, plan.loads, strict=True):
        if not 0 <= load < math.inf:
            raise ConfigError(
                f"{path}: device {name}: load: expected a number of at least 0, received {load}; "
                f"{_AGAIN}"
            )
    if not any(plan.loads):
        raise ConfigError(f"{path}: load: expected one above 0, received none; {_AGAIN}")
    given = sorted(lane for own in plan.assignment for lane in own)
    if given != list(range(plan.lanes)) or written != (plan.ranks, plan.lanes):
        raise ConfigError(
            f"{path}: expected each of the lanes 0 to {written[1] - 1} on one of {written[0]} "
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
