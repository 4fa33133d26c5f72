"""A callback that averages the statistics of layers over ranks, such as batch normalization's."""

import keras
import numpy as np

from caps_hvd.distributed.comm import Communicator


class AverageStatistics(keras.callbacks.Callback):
    """An average over the ranks of all weights that no optimizer changes, after every epoch.

    Layers such as `BatchNormalization` keep a moving average of what they see in training. Each
    rank sees its own images, so that evaluation would give another result on every rank. Put it in
    front of callbacks that evaluate or save.

    Args:
        communicator: the ranks that share their gradients.
    """

    def __init__(self, communicator: Communicator):
        super().__init__()
        self.communicator = communicator

    def on_epoch_end(self, epoch, logs=None):
        weights = [
            weight
            for weight in self.model.non_trainable_weights
            if keras.backend.is_float_dtype(keras.backend.standardize_dtype(weight.dtype))
        ]
        if self.communicator.size == 1 or not weights:
            return
        values = [keras.ops.convert_to_numpy(weight) for weight in weights]
        # In float64, which brings what is the same on all ranks back to the bit.
        flat = np.concatenate([np.asarray(value, np.float64).ravel() for value in values])
        mean = self.communicator.allreduce(flat, "sum") / self.communicator.size
        ends = np.cumsum([value.size for value in values])[:-1]
        for weight, value, part in zip(weights, values, np.split(mean, ends), strict=True):
            weight.assign(part.reshape(value.shape).astype(value.dtype))
