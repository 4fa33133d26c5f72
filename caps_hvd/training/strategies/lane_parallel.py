"""Lane parallelism: the ranks of a team share a batch, and each has other lanes of the model.

With `--lane-groups L`, L consecutive ranks are a team. The ranks at the same place of all teams
have the same lanes, and share their gradients.
"""

import itertools
import re

from caps_hvd.distributed.callbacks import KeepSame
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.distributed.lane_exchange import LaneExchange
from caps_hvd.records import record
from caps_hvd.training import checkpoint
from caps_hvd.training.build import parameter_count
from caps_hvd.training.strategies import rank_states
from caps_hvd.training.strategies.lane_division import LaneDivision
from caps_hvd.training.strategies.strategy import Strategy

_LANE = re.compile(r"(?:model|optimizer)/lane_(\d+)[/_]")


class LaneParallelStrategy(Strategy):
    """A rank has some lanes of a multi-lane model, and all that is not a lane.

    What all ranks have they compute alike; `KeepSame` compares it after each epoch.

    Args:
        ranks: of the job, in teams of as many ranks as there are groups of lanes.
        division: which rank of a team has which lanes.
    """

    def __init__(self, ranks: RankGrid, division: LaneDivision):
        super().__init__(ranks)
        self.division = division
        self._keep_same = KeepSame(ranks.within, self.shared_variables)

    def describe(self):
        assignment = self.division.plan.assignment
        own = " | ".join(" ".join(map(str, numbers)) for numbers in assignment)
        return f"lanes {own} on the ranks that share a batch ({self.division.method})"

    def model_arguments(self):
        assignment = self.division.plan.assignment
        return {
            "lane_ids": assignment[self.ranks.within.rank],
            "exchange": LaneExchange(self.ranks.within, assignment),
        }

    def parameters(self, model):
        own = parameter_count(
            variable
            for name, variable in checkpoint.named_variables(model).items()
            if _LANE.match(name) and variable.trainable
        )
        shared = parameter_count(model.trainable_variables) - own
        return shared + int(self.ranks.within.allreduce(own, "sum"))

    def callbacks(self):
        return [self._keep_same]

    def shared_variables(self, model) -> list:
        """Returns the variables that all ranks of a team have: decoder, seeds, their moments."""
        return [
            variable
            for name, variable in checkpoint.named_variables(model, model.optimizer).items()
            if not _LANE.match(name)
        ]

    def _share(self, state, model, optimizer, path):
        team = self.ranks.within.broadcast_object(state)  # the first team gets it, others None
        with self.ranks.world.raise_on_all_ranks():
            if team is not None:
                checkpoint.load_state_dict(team, model, optimizer, path, part=True)

    def state_dict(self, model, optimizer):
        others = rank_states.gathered(model, optimizer, self.ranks.world)
        if self.ranks.across.rank:  # of another team than rank 0's
            return None
        own = checkpoint.state_dict(model, optimizer)
        if self.ranks.within.rank:  # what all have, rank 0 has; its name keeps its place
            own = {name: value if _LANE.match(name) else None for name, value in own.items()}
        every = self.ranks.within.allgather_object(own)
        return merged(every) | others if self.ranks.world.rank == 0 else None

    def whole_model(self, model, build, path):
        whole = build()
        checkpoint.restore(path, whole)
        return whole

    def record(self):
        plan = self.division.plan
        return record.Lanes(
            groups=plan.ranks,
            method=self.division.method,
            speeds=list(self.division.speeds),
            assignment=[list(lanes) for lanes in plan.assignment],
            loads=[round(load / max(plan.loads), 4) for load in plan.loads],
            corrections=self._keep_same.corrections,
        )


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
