"""The learning rate of every step: a policy, scaled with the ranks after a warm-up."""

from collections.abc import Callable

import keras

from caps_hvd.config import TrainConfig
from caps_hvd.distributed.callbacks.warm_up import warm_up_learning_rate
from caps_hvd.schedules import Schedule


def rate_of_steps(config: TrainConfig, schedule: Schedule, ranks: int) -> Callable[[int], float]:
    """The learning rate as a function of the step.

    Where each rank brings a batch of its own, the policy's rate grows with their number over the
    warm-up. Where a policy chooses the global batch, the ranks only share it, and the rate stays.
    """
    if not schedule.follows_ranks:
        return schedule.learning_rate

    def rate(step: int) -> float:
        return warm_up_learning_rate(
            step,
            base=schedule.learning_rate(step),
            size=ranks,
            steps_per_epoch=schedule.calendar.steps[0],
            scale=config.scale_learning_rate,
            warmup_epochs=config.warmup_epochs,
        )

    return rate


class LearningRate(keras.callbacks.Callback):
    """Sets the rate before every step where it changes.

    Args:
        rate: step of the run -> rate.
        schedule: of the run.
    """

    def __init__(self, rate: Callable[[int], float], schedule: Schedule):
        super().__init__()
        self.rate, self.starts = rate, schedule.calendar.starts
        self._start, self._last = 0, None

    def on_epoch_begin(self, epoch, logs=None):
        self._start = self.starts[epoch]

    def on_train_batch_begin(self, batch, logs=None):
        rate = self.rate(self._start + batch)
        if rate != self._last:
            self.model.optimizer.learning_rate = self._last = rate
