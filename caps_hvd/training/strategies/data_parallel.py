"""Data parallelism: every rank has the whole model, and its own part of each batch."""

from caps_hvd.distributed.callbacks import AverageStatistics
from caps_hvd.training import checkpoint
from caps_hvd.training.strategies import rank_states
from caps_hvd.training.strategies.strategy import Strategy


class DataParallelStrategy(Strategy):
    """Every rank has the whole model; gradients are averaged over all of them.

    Args:
        ranks: of the job, in teams of one rank.
    """

    def callbacks(self):
        return [AverageStatistics(self.ranks.across)]

    def _share(self, state, model, optimizer, path):
        with self.ranks.world.raise_on_all_ranks():
            if self.ranks.world.rank == 0:
                checkpoint.load_state_dict(state, model, optimizer, path)

    def state_dict(self, model, optimizer):
        others = rank_states.gathered(model, optimizer, self.ranks.world)
        if self.ranks.world.rank:
            return None
        return checkpoint.state_dict(model, optimizer) | others
