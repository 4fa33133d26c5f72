"""A learning rate that grows with the number of ranks, after a warm-up."""

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError
from caps_hvd.schedules.warm_up import check_warm_up, warm_up_learning_rate


class WarmUpLearningRate(keras.callbacks.Callback):
    """Set the learning rate before every step of the warm-up, see `warm_up_learning_rate`.

    After the warm-up the rate is left alone, so that others (ReduceLROnPlateau) may lower it; a
    run that starts later than that (`initial_epoch`) has the full rate set once, at its first step.

    Args:
        base: Learning rate for one rank.
        communicator: From `comm.init()`.
        scale: "linear", "sqrt" or "none".
        warmup_epochs: Length of the ramp in epochs, >= 0; default 5.
        steps_per_epoch: Default: what `fit` says.

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
        super().__init__()
        check_warm_up(scale, warmup_epochs)
        self.base = base
        self.communicator = communicator
        self.scale = scale
        self.warmup_epochs = warmup_epochs
        self.steps_per_epoch = steps_per_epoch
        self._epoch = 0
        self._full = False

    def on_train_begin(self, logs=None):
        self._full = False
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

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._full:
            return
        step = self._epoch * self.steps_per_epoch + batch
        self.model.optimizer.learning_rate = warm_up_learning_rate(
            step,
            base=self.base,
            size=self.communicator.size,
            steps_per_epoch=self.steps_per_epoch,
            scale=self.scale,
            warmup_epochs=self.warmup_epochs,
        )
        self._full = step >= self.warmup_epochs * self.steps_per_epoch
