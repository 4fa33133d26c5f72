"""Batch normalization as the networks of this package use it."""

import keras

# Of the moving averages, as in PyTorch. At Keras's 0.99 they are right after some hundred steps
# only, and a network that has learned much in fewer answers by guessing until then.
_MOMENTUM = 0.9


def batch_normalization(name: str) -> keras.layers.BatchNormalization:
    """Returns the layer of Ioffe and Szegedy, "Batch Normalization" (2015).

    A rank normalizes by the images of its own part of a batch. The moving averages, by which images
    are normalized outside of training, are averaged over the ranks after every epoch
    (`caps_hvd.distributed.AverageStatistics`).

    Args:
        name: of the layer.
    """
    return keras.layers.BatchNormalization(momentum=_MOMENTUM, name=name)
