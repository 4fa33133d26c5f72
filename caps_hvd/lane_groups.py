"""Lanes of one model on several ranks: which rank has which, and how they are a whole again.

The ranks of a job are data groups times lane groups: with `--lane-groups L`, L consecutive ranks
share a batch and have different lanes; the ranks at the same place of all groups have the same
lanes and share gradients. With one lane group every rank has the whole model.
"""

import dataclasses
import math
import re

from caps_hvd import checkpoint
from caps_hvd.config import TrainConfig
from caps_hvd.distributed.comm import Split
from caps_hvd.errors import ConfigError
from caps_hvd.lanes import plan
from caps_hvd.lanes.balance import balance
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.lane import Lane, lane_name, lanes_of_model
from caps_hvd.lanes.times import lane_seconds
from caps_hvd.report import record

_LANE = re.compile(r"(?:model|optimizer)/lane_(\d+)[/_]")
_SOLVER_SECONDS = 5.0


def group_size(config: TrainConfig, ranks: int) -> int:
    """How many ranks share a batch, each with other lanes.

    Raises:
        ConfigError: the ranks cannot be divided into groups of that size, or there are more of them
            in a group than lanes.
    """
    size = ranks if config.lane_groups is None else config.lane_groups
    if size == 1:
        if config.lane_plan is not None:
            raise ConfigError(
                "lane_plan: expected --lane-groups above 1, since one group has all lanes; received "
                f"{config.lane_plan!r}; remove it, or give --lane-groups"
            )
        return 1
    if config.model != "mlcn":
        raise ConfigError(
            f"lane_groups: expected 1, since model {config.model} has no lanes; received {size}; "
            "remove it, or take model mlcn"
        )
    lanes = len(model_lanes(config))
    if size > lanes:
        raise ConfigError(
            f"lane_groups: expected {lanes} at most, one for each lane, received {size}: ranks "
            "would be idle; take fewer groups, or more lanes"
        )
    if ranks % size:
        raise ConfigError(
            f"lane_groups: expected a divisor of {ranks} rank{'s' * (ranks > 1)}, received {size}; "
            f"start {size} ranks, or a multiple"
        )
    if config.reduce_op == "adasum" and ranks > size:
        raise ConfigError(
            f"reduce_op: expected average or sum with {size} lane groups on {ranks} ranks, since "
            "Horovod has no adasum of some ranks only; received 'adasum'"
        )
    return size


def model_lanes(config: TrainConfig) -> tuple[Lane, ...]:
    """The lanes of the model that is trained."""
    return lanes_of_model(
        config.lane_list, config.lanes, config.lane_type, config.lane_width, config.lane_depth
    )


class Parts:
    """The part of a model that this rank has, and where the others are.

    Args:
        ranks: of the job, split into groups that share a batch.
        facts: how the lanes are divided; None where every rank has them all.
    """

    def __init__(self, ranks: Split, facts: record.Lanes | None = None):
        self.ranks = ranks
        self.facts = facts

    def model_arguments(self) -> dict:
        """What the model's builder is told of the lanes."""
        if self.facts is None:
            return {}
        from caps_hvd.distributed.lane_parallel import LaneExchange

        assignment = self.facts.assignment
        return {
            "lane_ids": tuple(assignment[self.ranks.within.rank]),
            "exchange": LaneExchange(self.ranks.within, assignment),
        }

    def parameters(self, model) -> int:
        """Parameters of the whole model, from a rank's part of it."""
        own = sum(
            math.prod(variable.shape)
            for name, variable in checkpoint.variables(model).items()
            if _LANE.match(name)
        )
        return model.count_params() - own + int(self.ranks.within.allreduce(own, "sum"))

    def shared(self, model) -> list:
        """Variables that all ranks of a group have: the decoder, seeds, what belongs to them."""
        return [
            variable
            for name, variable in checkpoint.variables(model, model.optimizer).items()
            if not _LANE.match(name)
        ]

    def take(self, model, optimizer=None) -> dict | None:
        """The values of the whole model on the first group's ranks, rank 0 among them; else None.

        All ranks call it.
        """
        if self.ranks.across.rank:
            return None
        return merged(self.ranks.within.allgather_object(checkpoint.take(model, optimizer)))

    def restore(self, path, model, optimizer) -> None:
        """Puts a checkpoint, which rank 0 reads, into the first group's ranks; all ranks call it.

        Raises:
            RunError: it is no checkpoint, is damaged, or belongs to another model; on all ranks.
        """
        state = None
        with self.ranks.world.together():
            if self.ranks.world.rank == 0:
                state = checkpoint.read(path)
        state = self.ranks.within.broadcast_object(state)
        with self.ranks.world.together():
            if state is not None:
                checkpoint.put(state, model, optimizer, path)


def merged(states: list[dict]) -> dict:
    """Values of ranks with different lanes, in the order in which one process has them.

    Example:
        >>> parts = [{"model/lane_1/kernel": 1, "model/decoder": 2}, {"model/lane_0/kernel": 0,
        ...           "model/decoder": 2}]
        >>> merged(parts)
        {'model/lane_0/kernel': 0, 'model/lane_1/kernel': 1, 'model/decoder': 2}
    """
    lanes = {name: value for state in states for name, value in state.items() if _LANE.match(name)}
    in_order = sorted(lanes, key=lambda name: int(_LANE.match(name)[1]))
    whole = {}
    for name, value in states[0].items():
        if _LANE.match(name):  # all lanes stand where the first one stood
            group = name.partition("/")[0]
            whole |= {each: lanes[each] for each in in_order if each.startswith(f"{group}/")}
        else:
            whole[name] = value
    return whole


def divide(config: TrainConfig, image_shape, classes: int, ranks: Split) -> Parts:
    """Decides which rank has which lanes; the same on all of them.

    Args:
        config: of the run.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        ranks: of the job, split into groups of `group_size(config, ...)`.

    Raises:
        ConfigError: a lane does not fit the images, the plan is for other ranks or lanes, or the
            ranks were started for other groups.
    """
    with ranks.world.together():
        expected = group_size(config, ranks.world.size)
        if expected != ranks.within.size:
            raise ConfigError(
                f"lane_groups: rank 0 was told {expected}, and rank {ranks.world.rank} "
                f"{ranks.within.size}; give all ranks the same"
            )
        lanes = model_lanes(config)
    if expected == 1:
        return Parts(ranks)
    facts = None
    if config.lane_plan is not None:
        with ranks.world.together():
            if ranks.world.rank == 0:
                facts = _of_file(config.lane_plan, expected, len(lanes))
    else:
        speeds = _measured_speeds(ranks)
        with ranks.world.together():
            if ranks.world.rank == 0:
                facts = _balanced(config, lanes, image_shape, classes, speeds)
    return Parts(ranks, ranks.world.broadcast_object(facts))


def _measured_speeds(ranks) -> list[float]:
    """The speed at each place of the groups: of the slowest rank there, as they wait for it."""
    from caps_hvd.lane_timing import device_speed

    ranks.world.barrier()
    every = ranks.world.allgather_object(device_speed())
    size = ranks.within.size
    return [round(min(every[place::size]), 3) for place in range(size)]


def _of_file(path, groups, lanes) -> record.Lanes:
    found = plan.read(path, ranks=groups, lanes=lanes)
    for device in found.idle:
        raise ConfigError(
            f"{path}: device {device} has no lane, and its rank would be idle; plan for fewer ranks"
        )
    return _facts("plan", [], found)


def _balanced(config, lanes, image_shape, classes, speeds) -> record.Lanes:
    costs = lane_seconds(lanes, tuple(image_shape), config.batch_size, classes)
    found = balance(
        costs,
        [Device(f"rank {place}", speed / min(speeds)) for place, speed in enumerate(speeds)],
        config.balance,
        names=[lane_name(index, lane) for index, lane in enumerate(lanes)],
        seed=config.seed,
        limit_seconds=_SOLVER_SECONDS,
    )
    return _facts(config.balance, speeds, occupied(found, costs, speeds))


def occupied(found: plan.Plan, costs, speeds) -> plan.Plan:
    """The plan with a lane for every rank: the ranks of a group all take part in every step.

    A rank without a lane gets the smallest one of the rank that has most to do.

    Args:
        found: a plan of at least as many lanes as ranks.
        costs: of the lanes.
        speeds: of the ranks.
    """
    own = [list(lanes) for lanes in found.assignment]

    def load(rank):
        return sum(costs[lane] for lane in own[rank]) / speeds[rank]

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
    )


def _facts(method, speeds, found) -> record.Lanes:
    return record.Lanes(
        groups=found.ranks,
        method=method,
        speeds=speeds,
        assignment=[list(lanes) for lanes in found.assignment],
        loads=[round(load / max(found.loads), 4) for load in found.loads],
    )
