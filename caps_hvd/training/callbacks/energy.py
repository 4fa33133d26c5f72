"""A callback that measures the energy of each epoch."""

import time
from collections.abc import Callable

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.system.energy import SECONDS_BETWEEN_READINGS, counters


class EnergyMeter(keras.callbacks.Callback):
    """Adds `energy_joules` to each epoch's logs: all hosts together, nothing if one does not tell.

    From the begin of the epoch to its end, what comes before this callback at the end (such as
    evaluation) included.

    Args:
        communicator: the ranks; the first one on each host reads its counters.
        find: gives the counters of a host. Defaults to `counters`.
    """

    def __init__(self, communicator: Communicator, find: Callable[[], list] = counters):
        super().__init__()
        self.communicator = communicator
        self._find = find if communicator.local_rank == 0 else list

    def on_train_begin(self, logs=None):
        self._counters = self._find()

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = self._read()

    def on_train_batch_end(self, batch, logs=None):
        if self._counters and time.monotonic() - self._read_at > SECONDS_BETWEEN_READINGS:
            self._read()

    def on_epoch_end(self, epoch, logs=None):
        own = self._read() - self._begin if self._counters else None
        every = self.communicator.allgather_object((self.communicator.local_rank, own))
        hosts = [joules for local_rank, joules in every if local_rank == 0]
        if None not in hosts:
            logs["energy_joules"] = sum(hosts)

    def _read(self):
        self._read_at = time.monotonic()
        return sum(counter.read() for counter in self._counters)
