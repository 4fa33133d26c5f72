"""The first capsules of a network: a convolution whose channels are grouped into vectors."""

import keras
from keras import ops

from caps_hvd.layers.convolution import Conv2D
from caps_hvd.ops import squash


@keras.saving.register_keras_serializable(package="caps_hvd")
class PrimaryCapsules(keras.layers.Layer):
    """Convolves an image into a grid of capsules, `types` of them at every position.

    `x_i = squash(conv(image))`, a capsule being `capsule_dim` neighbouring channels at one
    position. Section 4 of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017).

    Args:
        types: capsules per position.
        capsule_dim: components of a capsule.
        kernel_size: height and width of the convolution in pixels.
        strides: pixels between two positions. Defaults to 1.
        padding: "valid" or "same". Defaults to "valid".
        kernel_initializer: initializer of the convolution. Defaults to "glorot_uniform".

    Input shape: (batch, height, width, channels).
    Output shape: (batch, rows x columns x types, capsule_dim), at least float32.
    """

    def __init__(
        self,
        types,
        capsule_dim,
        kernel_size,
        strides=1,
        padding="valid",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.types = types
        self.capsule_dim = capsule_dim
        self.convolution = Conv2D(
            types * capsule_dim,
            kernel_size,
            strides,
            padding,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, input_shape):
        self.convolution.build(input_shape)

    def call(self, images):
        grid = self.convolution(images)
        _, rows, columns, _ = grid.shape
        capsules = rows * columns * self.types
        return squash(ops.reshape(grid, (-1, capsules, self.capsule_dim)))

    def compute_output_shape(self, input_shape):
        batch, rows, columns, _ = self.convolution.compute_output_shape(input_shape)
        return (batch, rows * columns * self.types, self.capsule_dim)

    def get_config(self):
        convolution = self.convolution.get_config()
        return super().get_config() | {
            "types": self.types,
            "capsule_dim": self.capsule_dim,
            **{
                key: convolution[key]
                for key in ("kernel_size", "strides", "padding", "kernel_initializer")
            },
        }
