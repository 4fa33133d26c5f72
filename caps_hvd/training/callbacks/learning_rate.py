"""A callback that sets the learning rate of every step."""

from collections.abc import Callable

import keras

from caps_hvd.schedules import Schedule


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
