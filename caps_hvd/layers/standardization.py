"""Images with mean 0 and deviation 1 in every channel, by numbers that belong to the network."""

import keras
import numpy as np
from keras import ops

# The distance of two neighbouring values of a byte: no image has less contrast that means anything.
_SMALLEST_DEVIATION = 1 / 255


@keras.saving.register_keras_serializable(package="caps_hvd")
class Standardization(keras.layers.Layer):
    """Subtracts the mean of each channel and divides by its standard deviation.

    `y = (x - mean) / deviation`

    Both are those of the training images. They are weights, though no trained ones, and so are
    saved, broadcast and loaded with the network: what it is given stays an image from 0 to 1.
    (`keras.layers.Normalization` keeps them as constants, which no broadcast reaches.)

    Input shape: (batch, height, width, channels).
    Output shape: as the input, in the layer's compute dtype.
    """

    def build(self, input_shape):
        facts = {"shape": (input_shape[-1],), "trainable": False, "dtype": "float32"}
        self.mean = self.add_weight(name="mean", initializer="zeros", **facts)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **facts)

    def set_statistics(self, mean, deviation):
        """Takes the mean and the standard deviation of each channel, of images from 0 to 1."""
        self.mean.assign(mean)
        self.deviation.assign(np.maximum(deviation, _SMALLEST_DEVIATION))

    def call(self, images):
        mean, deviation = (ops.cast(each, images.dtype) for each in (self.mean, self.deviation))
        return (images - mean) / deviation

    def compute_output_shape(self, input_shape):
        return input_shape
