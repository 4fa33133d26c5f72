"""Callbacks that set the learning rate of every step, from a function of the step."""

from collections.abc import Callable

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError
from caps_hvd.schedules.warm_up import check_warm_up, warm_up_learning_rate


class LearningRate(keras.callbacks.Callback):
    """The learning rate of a run, set before every step where it changes.

    Args:
        rate: Step of the run, over all epochs -> its rate.
        first_step: Epoch -> its first step of the run.
    """

    def __init__(self, rate: Callable[[int], float], first_step: Callable[[int], int]):
        super().__init__()
        self.rate, self.first_step = rate, first_step
        self._start, self._last = 0, None

    def on_epoch_begin(self, epoch, logs=None):
        self._start = self.first_step(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        rate = self.rate(self._start + batch)
        if rate != self._last:
            self.model.optimizer.learning_rate = self._last = rate


class WarmUpLearningRate(LearningRate):
    """A learning rate that grows with the number of ranks, by `warm_up_learning_rate`.

    It is set before every step of the warm-up. After that it is left alone, so that others
    (ReduceLROnPlateau) may lower it; a run that starts later than that (`initial_epoch`) has the
    full rate set once, at its first step.

    Args:
        base: Learning rate for one rank.
        communicator: From `comm.init()`.
        scale: "linear", "sqrt" or "none".
        warmup_epochs: Length of the ramp in epochs, >= 0. Defaults to 5.
        steps_per_epoch: Defaults to what `fit` says.

    Raises:
        ConfigError: bad arguments; at the begin of training also if `fit` does not know the steps
            per epoch, or the optimizer's rate is a schedule.
    """

    def __init__(
        self,
        base: float,
        communicator: Communicator,
        *,
        scale: str = "linear",
        warmup_epochs: float = 5.0,
        steps_per_epoch: int | None = None,
    ):
        check_warm_up(scale, warmup_epochs)
        self.warmup_epochs, self.steps_per_epoch = warmup_epochs, steps_per_epoch

        def rate(step):
            return warm_up_learning_rate(
                step,
                base=base,
                size=communicator.size,
                steps_per_epoch=self.steps_per_epoch,
                scale=scale,
                warmup_epochs=warmup_epochs,
            )

        super().__init__(rate, lambda epoch: epoch * self.steps_per_epoch)

    def on_train_begin(self, logs=None):
        self._last = None
        self.steps_per_epoch = self.steps_per_epoch or self.params.get("steps")
        if not self.steps_per_epoch:
            raise ConfigError(
                "steps_per_epoch: expected a number, because fit() does not know it for this "
                "data, received None; give it to WarmUpLearningRate"
            )
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if not isinstance(inner._learning_rate, keras.Variable):
            raise ConfigError(
                "learning_rate: expected a number for a warm-up, received a schedule; leave out "
                "WarmUpLearningRate or give the optimizer a number"
            )

    def on_train_batch_begin(self, batch, logs=None):
        if self._start + batch <= self.warmup_epochs * self.steps_per_epoch:
            self._last = None  # set it also where somebody else has changed it
        super().on_train_batch_begin(batch, logs)
