"""Convolution without padding, as one product of matrices where there is one image.

A library's convolution brings the kernel into an order of its own, and its gradient back from
there.  That pays for a batch.  For one image of the paper's CapsNet, whose second kernel has 21 MB,
it takes as long as the convolution; the product reads the kernel as it lies.
"""

import numpy as np
from keras import ops


def one_image_convolution(images, kernel, strides):
    """Convolves without padding: every window is a row of one matrix.

    Args:
        images: tensor of shape (batch, height, width, channels); any batch, as TensorFlow may
            compute pieces of a branch that is not taken.
        kernel: tensor of shape (kernel_height, kernel_width, channels, filters).
        strides: pixels between two positions, (down, right).

    Returns:
        Tensor of shape (batch, rows, columns, filters).
    """
    height, width, channels = images.shape[1:]
    *size, _, filters = kernel.shape
    down, right = (
        np.arange(0, length - part + 1, stride)
        for length, part, stride in zip((height, width), size, strides, strict=True)
    )
    # Where in the image each window begins, and where in the window its pixels are.
    begins = np.add.outer(down * width, right).reshape(-1, 1)
    pixels = np.add.outer(np.arange(size[0]) * width, np.arange(size[1])).reshape(-1)
    pixels = (begins + pixels).reshape(-1)
    windows = ops.take(ops.reshape(images, (-1, height * width, channels)), pixels, axis=1)
    rows = ops.reshape(windows, (-1, size[0] * size[1] * channels))
    outputs = ops.matmul(rows, ops.reshape(kernel, (-1, filters)))
    return ops.reshape(outputs, (-1, len(down), len(right), filters))
