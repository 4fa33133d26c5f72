"""Lanes of one model on several ranks: which rank has which, and how they are a whole again.

With `--lane-groups L`, L consecutive ranks are a team: they share a batch, and each has another
group of the lanes. The ranks at the same place of all teams have the same lanes, and share their
gradients. With one lane group every rank is a team of its own, and has the whole model.
"""

import dataclasses
import itertools
import math
import re

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.errors import ConfigError
from caps_hvd.lanes import plan
from caps_hvd.lanes.balance import balance
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.groups import group_size, model_lanes
from caps_hvd.lanes.lane import lane_name
from caps_hvd.lanes.time_model import lane_seconds
from caps_hvd.records import record
from caps_hvd.training import checkpoint

_LANE = re.compile(r"(?:model|optimizer)/lane_(\d+)[/_]")
_SOLVER_SECONDS = 5.0


class Parts:
    """The part of a model that this rank has, and where the others are.

    Args:
        ranks: of the job, split into teams.
        division: how the lanes are divided; None where every rank has them all.
    """

    def __init__(self, ranks: RankGrid, division: record.Lanes | None = None):
        self.ranks = ranks
        self.division = division

    def model_arguments(self) -> dict:
        """What the model's builder is told of the lanes."""
        if self.division is None:
            return {}
        from caps_hvd.distributed.lane_exchange import LaneExchange

        assignment = self.division.assignment
        return {
            "lane_ids": tuple(assignment[self.ranks.within.rank]),
            "exchange": LaneExchange(self.ranks.within, assignment),
        }

    def callback(self):
        """What keeps the shared part of the model the same on all ranks of a team."""
        from caps_hvd.distributed.callbacks import KeepSame

        self._same = KeepSame(self.ranks.within, self.shared)
        return self._same

    def record(self) -> record.Lanes | None:
        """How the lanes were divided, and what came of it, after training."""
        if self.division is None:
            return None
        return dataclasses.replace(self.division, corrections=self._same.corrections)

    def parameters(self, model) -> int:
        """Parameters of the whole model, from a rank's part of it."""
        own = sum(
            math.prod(variable.shape)
            for name, variable in checkpoint.variables(model).items()
            if _LANE.match(name)
        )
        return model.count_params() - own + int(self.ranks.within.allreduce(own, "sum"))

    def shared(self, model) -> list:
        """Variables that all ranks of a team have: the decoder, seeds, what belongs to them."""
        return [
            variable
            for name, variable in checkpoint.variables(model, model.optimizer).items()
            if not _LANE.match(name)
        ]

    def take(self, model, optimizer=None) -> dict | None:
        """The values of the whole model on rank 0, None on others; all ranks call it."""
        if self.ranks.across.rank:  # of another team than rank 0's
            return None
        own = checkpoint.take(model, optimizer)
        if self.ranks.within.rank:  # what all have, rank 0 has; its name keeps its place
            own = {name: value if _LANE.match(name) else None for name, value in own.items()}
        every = self.ranks.within.allgather_object(own)
        return merged(every) if self.ranks.world.rank == 0 else None

    def restore(self, path, model, optimizer) -> None:
        """Puts a checkpoint, which rank 0 reads, into the first team's ranks; all ranks call it.

        Raises:
            RunError: it is no checkpoint, is damaged, or belongs to another model; on all ranks.
        """
        state = None
        with self.ranks.world.raise_on_all_ranks():
            if self.ranks.world.rank == 0:
                state = checkpoint.read(path)
        state = self.ranks.within.broadcast_object(state)
        with self.ranks.world.raise_on_all_ranks():
            if state is not None:
                part = self.division is not None
                checkpoint.put(state, model, optimizer, path, part=part)


def merged(states: list[dict]) -> dict:
    """Values of ranks with different lanes, in the order in which one process has them.

    That order is stretches of what lanes have and stretches of the rest, in turn; within a stretch,
    lanes stand in the order of their numbers.

    Example:
        >>> parts = [{"model/lane_1/kernel": 1, "model/decoder": 2}, {"model/lane_0/kernel": 0,
        ...           "model/decoder": None}]
        >>> merged(parts)
        {'model/lane_0/kernel': 0, 'model/lane_1/kernel': 1, 'model/decoder': 2}
    """
    stretches = [
        [list(names) for _, names in itertools.groupby(state, lambda name: bool(_LANE.match(name)))]
        for state in states
    ]
    whole = {}
    for parallel in zip(*stretches, strict=True):
        if not _LANE.match(parallel[0][0]):
            whole |= {name: states[0][name] for name in parallel[0]}
            continue
        of_lanes = [
            (int(_LANE.match(name)[1]), name, state[name])
            for state, names in zip(states, parallel, strict=True)
            for name in names
        ]
        in_order = sorted(of_lanes, key=lambda entry: entry[0])
        whole |= {name: value for _, name, value in in_order}
    return whole


def divide(config: TrainConfig, image_shape, classes: int, ranks: RankGrid) -> Parts:
    """Decides which rank has which lanes; the same on all of them.

    Args:
        config: of the run.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        ranks: of the job, split into teams of `group_size(config, ...)`.

    Raises:
        ConfigError: a lane does not fit the images, the plan is for other ranks or lanes, or the
            ranks were started for other groups.
    """
    with ranks.world.raise_on_all_ranks():
        expected = group_size(config, ranks.world.size)
        if expected != ranks.within.size:
            raise ConfigError(
                f"lane_groups: rank 0 was told {expected}, and rank {ranks.world.rank} "
                f"{ranks.within.size}; give all ranks the same"
            )
        lanes = model_lanes(config)
    if expected == 1:
        return Parts(ranks)
    division = None
    if config.lane_plan is not None:
        with ranks.world.raise_on_all_ranks():
            if ranks.world.rank == 0:
                division = _of_file(config.lane_plan, expected, len(lanes))
    else:
        speeds = _measured_speeds(ranks)
        with ranks.world.raise_on_all_ranks():
            if ranks.world.rank == 0:
                division = _balanced(config, lanes, image_shape, classes, speeds)
    return Parts(ranks, ranks.world.broadcast_object(division))


def _measured_speeds(ranks) -> list[float]:
    """The speed at each place of the teams: of the slowest rank there, as the others wait."""
    from caps_hvd.distributed.device_speed import device_speed

    ranks.world.barrier()
    every = ranks.world.allgather_object(device_speed())
    size = ranks.within.size
    return [round(min(every[place::size]), 3) for place in range(size)]


def _of_file(path, groups, lanes) -> record.Lanes:
    found = plan.read(path, ranks=groups, lanes=lanes)
    for device in found.idle:
        raise ConfigError(
            f"{path}: device {found.names[device]}: expected a lane, received none, and its rank "
            "would be idle; plan for fewer devices"
        )
    return _division("plan", [], found)


def _balanced(config, lanes, image_shape, classes, speeds) -> record.Lanes:
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
    return _division(config.balance, speeds, occupied(found, costs, devices))


def occupied(found: plan.Plan, costs, devices) -> plan.Plan:
    """The plan with a lane for every rank, as the ranks of a team all take part in every step.

    A rank without a lane gets the smallest one of the rank that has most to do.

    Args:
        found: a plan of at least as many lanes as ranks.
        costs: of the lanes.
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


def _division(method, speeds, found) -> record.Lanes:
    return record.Lanes(
        groups=found.ranks,
        method=method,
        speeds=speeds,
        assignment=[list(lanes) for lanes in found.assignment],
        loads=[round(load / max(found.loads), 4) for load in found.loads],
    )
