"""The interface of a strategy: how one model is spread over the ranks of a job."""

import abc
from collections.abc import Callable

import keras
import numpy as np

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.distributed.gradients.optimizer import distribute
from caps_hvd.records import record
from caps_hvd.training import checkpoint
from caps_hvd.training.build import parameter_count
from caps_hvd.training.strategies import rank_states


class Strategy(abc.ABC):
    """What each rank has of a model, how gradients are combined, and how a checkpoint is whole.

    A `Trainer` calls the methods in the order in which they stand here. Those that are collective
    say so: all ranks call them.

    Args:
        ranks: of the job; `ranks.across` share their gradients, `ranks.within` share a batch.
    """

    def __init__(self, ranks: RankGrid):
        self.ranks = ranks

    def describe(self) -> str | None:
        """Returns one line for people on what is special about this run, None for nothing."""
        return None

    def model_arguments(self) -> dict:
        """Returns what a model's builder is told besides the model's options."""
        return {}

    def distribute(self, optimizer, config: TrainConfig, compression: str):
        """Returns the optimizer with its gradients combined over `ranks.across`.

        Args:
            optimizer: of Keras, for this rank alone.
            config: of the run.
            compression: "auto", "none" or "fp16".
        """
        return distribute(
            optimizer,
            self.ranks.across,
            op=config.reduce_op,
            compression=compression,
            accumulate_steps=config.accumulate_steps,
            reduce_on=config.reduce_on,
            agree=self.ranks.world,
        )

    def parameters(self, model: keras.Model) -> int:
        """Returns the number of trained parameters of the whole model; collective."""
        return parameter_count(model.trainable_variables)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns what keeps the ranks' parts in step, called at the end of each epoch."""
        return []

    def load_state_dict(self, path, model: keras.Model, optimizer) -> None:
        """Puts a checkpoint, which rank 0 reads, into the first ranks with each part; collective.

        Training broadcasts to the others when it begins.

        Raises:
            RunError: it is no checkpoint, is damaged, or belongs to another model; on all ranks.
        """
        world, state = self.ranks.world, None
        with world.raise_on_all_ranks():
            if world.rank == 0:
                state = checkpoint.read(path)
        self._share(state, model, optimizer, path)
        rank_states.give_back(state, path, model, optimizer, world)

    def load_weights(self, path, model: keras.Model) -> None:
        """Gives all ranks the weights in a file with a model's variables; collective.

        Args:
            path: a checkpoint, or a `best.h5`, which rank 0 reads.
            model: what this rank has.

        Raises:
            RunError: as of `load_state_dict`.
        """
        world, state = self.ranks.world, None
        with world.raise_on_all_ranks():
            if world.rank == 0:
                state = checkpoint.read(path)
        self.give_weights(state, model, path)

    def give_weights(self, state: dict[str, np.ndarray] | None, model: keras.Model, path) -> None:
        """Gives all ranks their weights out of those of the whole model; collective.

        Args:
            state: from name to value, on rank 0; the other ranks' is ignored.
            model: what this rank has.
            path: what errors call the state.
        """
        self._share(state, model, None, path)
        self.ranks.across.broadcast_variables(model.weights)

    @abc.abstractmethod
    def _share(self, state, model: keras.Model, optimizer, path) -> None:
        """Puts a state, which rank 0 has, into the first ranks with each part; collective."""

    @abc.abstractmethod
    def state_dict(self, model: keras.Model, optimizer) -> dict[str, np.ndarray] | None:
        """Returns the values of the whole model on rank 0, None on the others; collective."""

    def whole_model(self, model: keras.Model, build: Callable, path) -> keras.Model:
        """Returns the whole model with its trained weights, for rank 0 alone.

        Args:
            model: what this rank has trained.
            build: makes a whole model with fresh weights.
            path: the last checkpoint.
        """
        return model

    def record(self) -> record.Lanes | None:
        """Returns what the run's record says of the strategy, after training."""
        return None
