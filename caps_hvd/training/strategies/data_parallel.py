"""Data parallelism: every rank has the whole model, and its own part of each batch."""

from caps_hvd.training import checkpoint
from caps_hvd.training.strategies.strategy import Strategy


class DataParallelStrategy(Strategy):
    """Every rank has the whole model; gradients are averaged over all of them.

    Args:
        ranks: of the job, in teams of one rank.
    """

    def load_state_dict(self, path, model, optimizer):
        with self.ranks.world.raise_on_all_ranks():
            if self.ranks.world.rank == 0:
                checkpoint.restore(path, model, optimizer)

    def state_dict(self, model, optimizer):
        return checkpoint.state_dict(model, optimizer) if self.ranks.world.rank == 0 else None
