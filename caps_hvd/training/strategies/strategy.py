"""The interface of a strategy: how one model is spread over the ranks of a job."""

import abc
from collections.abc import Callable

import keras
import numpy as np

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.distributed.gradients.optimizer import distribute
from caps_hvd.records import record


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
        """Returns the number of parameters of the whole model; collective."""
        return model.count_params()

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns what keeps the ranks' parts in step, called at the end of each epoch."""
        return []

    @abc.abstractmethod
    def load_state_dict(self, path, model: keras.Model, optimizer) -> None:
        """Puts a checkpoint, which rank 0 reads, into the first ranks with each part; collective.

        Training broadcasts to the others when it begins.

        Raises:
            RunError: it is no checkpoint, is damaged, or belongs to another model; on all ranks.
        """

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
