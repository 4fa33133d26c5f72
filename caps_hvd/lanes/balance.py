"""Division of lanes among devices, so that the device that ends last ends early."""

from collections.abc import Sequence

from caps_hvd.errors import ConfigError, check_choice
from caps_hvd.lanes.bounds import EPSILON, lower_bound
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.partitioners import Room, at_random, greedy, greedy_published
from caps_hvd.lanes.plan import Plan, loads_of

METHODS = ("greedy", "exact", "greedy-published", "random")
_ONE_BY_ONE = {"greedy": greedy, "greedy-published": greedy_published, "random": at_random}


def balance(
    costs: Sequence[float],
    devices: Sequence[Device],
    method: str = "greedy",
    *,
    memory_mib: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    limit_seconds: float = 10.0,
) -> Plan:
    """Divides lanes among devices.

        random             each lane to any device
        greedy-published   the largest lane that is left to the device with the least work, whatever
                           its speed: that of MLCN (Rosario, Breternitz and Borin, JPDC 155, 2021)
        greedy             the largest lane that is left to the device that is done with it first:
                           at most 4/3 - 1/(3m) times the best on m equal devices (Graham, SIAM J.
                           Appl. Math. 17(2), 1969), and 2m/(m + 1) on unequal ones (Gonzalez,
                           Ibarra and Sahni, SIAM J. Comput. 6(1), 1977)
        exact              the best there is, by a solver, within the time given; see `exact.py`

    Only devices that have memory left for a lane are considered. The bounds of greedy hold where
    memory is no limit.

    Args:
        costs: seconds of each lane on a device of speed 1, above 0. Any unit will do.
        devices: one or more.
        method: one of `METHODS`. Defaults to "greedy".
        memory_mib: what each lane occupies. Defaults to None: nothing.
        names: of the lanes, for errors. Defaults to "lane 0", "lane 1", ...
        seed: of "random". Defaults to 0.
        limit_seconds: after which "exact" gives the best plan found so far. Defaults to 10.

    Returns:
        A `Plan`; the same one whenever it is asked for again, as long as "exact" ends in time.

    Raises:
        ConfigError: there is no lane or no device, a lane fits on no device, a device has no room
            for any lane, or lanes that come last find no room; the message names it.

    Example:
        >>> balance([4, 3, 2, 1], [Device("a"), Device("b", speed=2)]).assignment
        ((1,), (0, 2, 3))
    """
    check_choice("method", method, METHODS)
    memory_mib = [0.0] * len(costs) if memory_mib is None else memory_mib
    names = [f"lane {index}" for index in range(len(costs))] if names is None else names
    _check(costs, devices, memory_mib, names)
    low = lower_bound(costs, [device.speed for device in devices])
    if method == "exact":
        from caps_hvd.lanes import exact

        found, low, proven = exact.solve(costs, devices, memory_mib, names, low, limit_seconds)
    else:
        room = Room(devices, memory_mib, names)
        found, proven = _ONE_BY_ONE[method](costs, devices, room, seed), False
    loads = loads_of(found, costs, devices)
    makespan = max(loads)
    return Plan(
        assignment=tuple(tuple(sorted(lanes)) for lanes in found),
        loads=loads,
        makespan=makespan,
        method=method,
        lower_bound=min(low, makespan),
        proven=proven or makespan <= low * (1 + EPSILON),
    )


def _check(costs, devices, memory_mib, names) -> None:
    if not costs:
        raise ConfigError("lanes: expected at least one lane, received none; add one")
    if not devices:
        raise ConfigError("devices: expected at least one device, received none; add one")
    for name, cost in zip(names, costs, strict=True):
        if not 0 < cost < float("inf"):
            raise ConfigError(f"{name}: expected a cost above 0, received {cost!r}")
    roomiest = max(devices, key=lambda device: device.room_mib)
    for name, need in zip(names, memory_mib, strict=True):
        if need > roomiest.room_mib:
            raise ConfigError(
                f"{name}: expected a device with {need:,.1f} MiB for it, received "
                f"{roomiest.room_mib:,.1f} MiB at most ({roomiest.name}); make the lane narrower, "
                "or the batch smaller"
            )
    smallest = min(range(len(costs)), key=lambda lane: memory_mib[lane])
    for device in devices:
        if device.room_mib < memory_mib[smallest]:
            raise ConfigError(
                f"device {device.name}: expected memory for the smallest lane, "
                f"{memory_mib[smallest]:,.1f} MiB ({names[smallest]}), received "
                f"{device.room_mib:,.1f} MiB; leave the device out, or make the batch smaller"
            )
