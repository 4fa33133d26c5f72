"""Convolution by its definition, in float64."""

import numpy as np


def convolve(images, kernel, strides, padding):
    """Sums over the kernel's pixels, shifted."""
    size, batch = kernel.shape[:2], len(images)
    counts, margins = [], []
    for length, taps, stride in zip(images.shape[1:3], size, strides, strict=True):
        count = -(-length // stride) if padding == "same" else (length - taps) // stride + 1
        missing = max((count - 1) * stride + taps - length, 0) if padding == "same" else 0
        counts.append(count)
        margins.append((missing // 2, missing - missing // 2))
    images = np.pad(images.astype(np.float64), ((0, 0), *margins, (0, 0)))
    outputs = np.zeros((batch, *counts, kernel.shape[3]))
    (rows, columns), (down, right) = counts, strides
    for i, j in np.ndindex(*size):
        part = images[
            :, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right
        ]
        outputs += part @ kernel[i, j].astype(np.float64)
    return outputs


def gradients(images, kernel, strides, padding, weighting):
    """Gradients of `sum(outputs * weighting)`: the convolution is linear in either argument."""
    images, kernel = images.astype(np.float64), kernel.astype(np.float64)
    found = []
    for at, array in enumerate((images, kernel)):
        gradient = np.zeros(array.shape)
        for index in np.ndindex(*array.shape):
            unit = np.zeros(array.shape)
            unit[index] = 1
            arguments = (unit, kernel) if at == 0 else (images, unit)
            gradient[index] = np.sum(convolve(*arguments, strides, padding) * weighting)
        found.append(gradient)
    return found
