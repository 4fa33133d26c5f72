"""A callback that sets variables right which have drifted apart between ranks."""

import zlib
from collections.abc import Callable, Sequence

import keras

from caps_hvd.distributed.comm import Communicator


class KeepSame(keras.callbacks.Callback):
    """A comparison of variables when training begins and after every epoch; rank 0's hold.

    Ranks that compute the same from the same numbers have the same results to the bit, on equal
    processors with as many threads. On others the last digits may drift apart, and in a sum over
    more than two ranks they may depend on what was sent along. What is compared is a checksum, of a
    few bytes; only where one differs the variables are broadcast.

    Args:
        communicator: the ranks that compute the same.
        variables: from the model to the variables, the same ones on every rank.

    Attributes:
        corrections: how often the variables were broadcast.
    """

    def __init__(
        self, communicator: Communicator, variables: Callable[[keras.Model], Sequence[object]]
    ):
        super().__init__()
        self.communicator = communicator
        self.variables = variables
        self.corrections = 0

    def on_train_begin(self, logs=None):
        self._compare()

    def on_epoch_end(self, epoch, logs=None):
        self._compare()

    def _compare(self):
        if self.communicator.size == 1:
            return
        variables = list(self.variables(self.model))
        own = 0
        for variable in variables:
            own = zlib.crc32(variable.numpy().tobytes(), own)
        if len(set(self.communicator.meet("KeepSame", own))) > 1:
            self.communicator.broadcast_variables(variables)
            self.corrections += 1
