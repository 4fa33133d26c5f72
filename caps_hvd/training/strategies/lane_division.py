"""The division of a model's lanes among the ranks of a team: read from a plan, or balanced here."""

import dataclasses
from collections.abc import Sequence

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.distributed.device_speed import device_speed
from caps_hvd.errors import ConfigError
from caps_hvd.lanes import plan
from caps_hvd.lanes.balance import balance
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.groups import model_lanes
from caps_hvd.lanes.lane import lane_name
from caps_hvd.lanes.plan import Plan
from caps_hvd.lanes.time_model import lane_seconds

_SOLVER_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class LaneDivision:
    """Which rank of a team has which lanes.

    Args:
        plan: lanes for each place in a team; every rank has one at least.
        method: that has made it, or `plan` where a file said how.
        speeds: of the ranks, as `device_speed` measures them; empty where nobody has.
    """

    plan: Plan
    method: str
    speeds: tuple[float, ...] = ()


def divide(config: TrainConfig, image_shape, classes: int, ranks: RankGrid) -> LaneDivision:
    """Decides which rank has which lanes, the same on all of them; collective.

    Args:
        config: of the run.
        image_shape: (height, width, channels) of an image.
        classes: number of classes.
        ranks: of the job, in teams of one rank for each group of lanes.

    Raises:
        ConfigError: a lane does not fit the images, or the plan is for other ranks or lanes.
    """
    division = speeds = None
    if config.lane_plan is None:
        speeds = _measured_speeds(ranks)
    with ranks.world.raise_on_all_ranks():
        lanes = model_lanes(config)
        if ranks.world.rank == 0 and speeds is None:
            division = _of_file(config.lane_plan, ranks.within.size, len(lanes))
        elif ranks.world.rank == 0:
            division = _balanced(config, lanes, image_shape, classes, speeds)
    return ranks.world.broadcast_object(division)


def _measured_speeds(ranks) -> tuple[float, ...]:
    """The speed at each place of the teams: of the slowest rank there, as the others wait."""
    ranks.world.barrier()
    every = ranks.world.allgather_object(device_speed())
    size = ranks.within.size
    return tuple(round(min(every[place::size]), 3) for place in range(size))


def _of_file(path, groups, lanes) -> LaneDivision:
    found = plan.read(path, ranks=groups, lanes=lanes)
    for device in found.idle:
        raise ConfigError(
            f"{path}: device {found.names[device]}: expected a lane, received none, and its rank "
            "would be idle; plan for fewer devices"
        )
    return LaneDivision(found, "plan")


def _balanced(config, lanes, image_shape, classes, speeds) -> LaneDivision:
    costs = lane_seconds(lanes, tuple(image_shape), config.batch_size, classes)
    devices = [Device(f"rank {place}", speed / min(speeds)) for place, speed in enumerate(speeds)]
    found = balance(
        costs,
        devices,
        config.balance,
        names=[lane_name(index, lane) for index, lane in enumerate(lanes)],
        seed=config.seed,
        limit_seconds=_SOLVER_SECONDS,
    )
    return LaneDivision(occupied(found, costs, devices), config.balance, speeds)


def occupied(found: Plan, costs: Sequence[float], devices: Sequence[Device]) -> Plan:
    """The plan with a lane for every rank, as the ranks of a team all take part in every step.

    A rank without a lane gets the smallest one of the rank that has most to do.

    Args:
        found: a plan of at least as many lanes as ranks.
        costs: of the lanes, in seconds.
        devices: the ranks.
    """
    own = [list(lanes) for lanes in found.assignment]

    def load(rank):
        return sum(costs[lane] for lane in own[rank]) / devices[rank].speed

    for idle in found.idle:
        busiest = max((rank for rank in range(len(own)) if len(own[rank]) > 1), key=load)
        lane = min(own[busiest], key=lambda each: costs[each])
        own[busiest].remove(lane)
        own[idle].append(lane)
    loads = tuple(map(load, range(len(own))))
    return dataclasses.replace(
        found,
        assignment=tuple(tuple(sorted(lanes)) for lanes in own),
        loads=loads,
        makespan=max(loads),
        proven=found.proven and not found.idle,
    )
