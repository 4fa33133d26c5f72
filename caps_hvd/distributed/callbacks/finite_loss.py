"""A callback that ends training, on all ranks, when it has diverged."""

import math

import keras
import numpy as np

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.communicator import on_all_ranks
from caps_hvd.errors import DivergedError


class FiniteLoss(keras.callbacks.Callback):
    """An end of training, on all ranks, once a loss or a weight is not a finite number.

    A rank sees its own loss in every step; the ranks tell each other every so many steps, and at
    the end of an epoch, so that all end together and know the first step of any of them. At the end
    of an epoch the losses in `logs` and all weights are looked at as well: put this in front of
    callbacks that save, and behind `AverageMetrics`.

    Args:
        communicator: From `comm.init()`.
        every: Steps from one exchange to the next. Defaults to 50.

    Raises:
        DivergedError: on all ranks, with the epoch, the step and what was found.
    """

    def __init__(self, communicator: Communicator, every: int = 50):
        super().__init__()
        self.communicator = communicator
        self.every = every

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._found: tuple | None = None  # step, what, of this rank's first
        self._steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        if self._found is None and (found := _not_finite(logs)):
            self._found = (batch + 1, found)
        if self.communicator.size == 1 or self._steps % self.every == 0:
            self._exchange(f"step {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        if self._found is None and (found := _not_finite(logs) or _weights(self.model)):
            self._found = (math.inf, found)
        self._exchange("the end")

    def _exchange(self, when):
        place = f"{when} of epoch {self._epoch} (FiniteLoss)"
        every = [found for found in self.communicator.meet(place, self._found) if found]
        if every:
            step, what = min(every)
            step = None if step == math.inf else step
            where = "the end" if step is None else f"step {step}"
            message = f"{what} since {where} of epoch {self._epoch}: training has diverged"
            raise on_all_ranks(DivergedError(message, what, self._epoch, step))


def _not_finite(logs) -> str | None:
    """The first loss that is no finite number, in words."""
    for name, value in (logs or {}).items():
        if (name == "loss" or name.endswith("_loss")) and not np.all(np.isfinite(value)):
            return f"{name} is {value}"
    return None


def _weights(model) -> str | None:
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        if not np.all(np.isfinite(value.astype(np.float64) if value.dtype.kind == "V" else value)):
            return f"the weight {weight.path} has a value that is not finite"
    return None
