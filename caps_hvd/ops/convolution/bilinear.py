"""Convolution as one bilinear form, `y = C [(A x) * (B w)]`, with a few large matrix products.

Each row of A x and B w, a slot, is a matrix: (images x tiles, channels) and (channels, filters).
`*` multiplies the two matrices of each slot, and this is where the time goes: the second
convolution of the paper's CapsNet takes 148 products in place of 900.  `transforms.py` has A, B, C;
`geometry.py` says how strides and large images become this form.  The gradients are the same form
with its roles exchanged:

    dx = A^T [(C^T dy) * (B w)^T]        dw = B^T [(A x)^T * (C^T dy)]
"""

import numpy as np
from keras import ops
from keras.backend import standardize_dtype

from caps_hvd.native.library import native
from caps_hvd.ops.convolution.native_transforms import NativeTransforms
from caps_hvd.ops.convolution.transforms import matrices
from caps_hvd.ops.custom_gradient import custom_gradient


def bilinear_convolution(images, kernel, geometry):
    """Convolves through the bilinear form.

    Args:
        images: tensor of shape (batch, height, width, channels), float32 or float64.
        kernel: tensor of shape (kernel_height, kernel_width, channels, filters).
        geometry: the `Geometry` of the two.

    Returns:
        Tensor of shape (batch, rows, columns, filters).
    """
    transforms = transforms_for(geometry, images.dtype)

    @custom_gradient
    def convolve(images, kernel):
        image_slots, kernel_slots = transforms.images(images), transforms.kernel(kernel)
        outputs = transforms.outputs(ops.matmul(image_slots, kernel_slots))

        def gradient(upstream):
            upstream = transforms.outputs_adjoint(upstream)
            for_images = ops.matmul(upstream, ops.swapaxes(kernel_slots, 1, 2))
            for_kernel = transforms.kernel_gradient(image_slots, upstream)
            return transforms.images_adjoint(for_images), for_kernel

        return outputs, gradient

    return convolve(images, ops.cast(kernel, images.dtype))


def transforms_for(geometry, dtype):
    """A, B and C in C++ where they have been built and take the type, else in `keras.ops`."""
    compiled = native() is not None and standardize_dtype(dtype) in ("float32", "float64")
    return (NativeTransforms if compiled else Transforms)(geometry)


class Transforms:
    """A, B and C of a convolution with their adjoints, from and to the layouts of Keras.

    Slots are always the first axis.

    Args:
        geometry: a `Geometry`.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        self.matrices = matrices(
            tuple(axis.tile for axis in geometry.axes), tuple(axis.taps for axis in geometry.axes)
        )

    def images(self, images):
        """A x: (batch, height, width, channels) to (slots, batch x tiles, phase channels)."""
        down, right = self.geometry.axes
        # Phases of both axes: (batch, pixels, stride, pixels, stride, channels).
        x = ops.reshape(
            _fit(_fit(images, 1, down), 2, right),
            (-1, down.pixels, down.stride, right.pixels, right.stride, self.geometry.channels),
        )
        x = _tiles(_tiles(x, 3, right), 1, down)
        # (batch, tiles, pixels, stride, tiles, pixels, stride, channels)
        x = ops.transpose(x, (2, 5, 0, 1, 4, 3, 6, 7))
        return self._apply(self.matrices[0], x, (-1, self.geometry.phase_channels))

    def images_adjoint(self, slots):
        """A^T: the gradient of `images`."""
        down, right = self.geometry.axes
        strides = (down.stride, right.stride)
        shape = (down.tile, right.tile, -1, down.tiles, right.tiles, *strides)
        x = self._apply(self.matrices[0].T, slots, (-1,))
        x = ops.reshape(x, (*shape, self.geometry.channels))
        x = ops.transpose(x, (2, 3, 0, 5, 4, 1, 6, 7))
        x = _tiles_adjoint(_tiles_adjoint(x, 1, down), 3, right)
        pixels = (down.pixels * down.stride, right.pixels * right.stride)
        x = ops.reshape(x, (-1, *pixels, self.geometry.channels))
        return _fit_adjoint(_fit_adjoint(x, 1, down), 2, right)

    def kernel(self, kernel):
        """B w: (height, width, channels, filters) to (slots, phase channels, filters)."""
        down, right = self.geometry.axes
        margins = [(0, axis.taps * axis.stride - axis.kernel) for axis in (down, right)]
        w = ops.pad(kernel, (*margins, (0, 0), (0, 0))) if np.any(margins) else kernel
        shape = (down.taps, down.stride, right.taps, right.stride)
        w = ops.reshape(w, (*shape, self.geometry.channels, self.geometry.filters))
        w = ops.transpose(w, (0, 2, 1, 3, 4, 5))
        return self._apply(
            self.matrices[1], w, (self.geometry.phase_channels, self.geometry.filters)
        )

    def kernel_gradient(self, image_slots, upstream_slots):
        """B^T [(A x)^T * (C^T dy)], of the shape of the kernel."""
        return self.kernel_adjoint(ops.matmul(ops.swapaxes(image_slots, 1, 2), upstream_slots))

    def kernel_adjoint(self, slots):
        """B^T: the gradient of `kernel`."""
        down, right = self.geometry.axes
        shape = (down.taps, right.taps, down.stride, right.stride)
        w = self._apply(self.matrices[1].T, slots, (-1,))
        w = ops.reshape(w, (*shape, self.geometry.channels, self.geometry.filters))
        w = ops.transpose(w, (0, 2, 1, 3, 4, 5))
        pixels = (down.taps * down.stride, right.taps * right.stride)
        w = ops.reshape(w, (*pixels, self.geometry.channels, self.geometry.filters))
        return w[: down.kernel, : right.kernel]

    def outputs(self, slots):
        """C: (slots, batch x tiles, filters) to (batch, rows, columns, filters)."""
        down, right = self.geometry.axes
        y = self._apply(self.matrices[2], slots, (-1,))
        shape = (down.outputs, right.outputs, -1, down.tiles, right.tiles, self.geometry.filters)
        y = ops.transpose(ops.reshape(y, shape), (2, 3, 0, 4, 1, 5))
        rows, columns = down.tiles * down.outputs, right.tiles * right.outputs
        y = ops.reshape(y, (-1, rows, columns, self.geometry.filters))
        return y[:, : down.positions, : right.positions]

    def outputs_adjoint(self, upstream):
        """C^T: the gradient of `outputs`."""
        down, right = self.geometry.axes
        margins = [(0, axis.tiles * axis.outputs - axis.positions) for axis in (down, right)]
        y = ops.pad(upstream, ((0, 0), *margins, (0, 0))) if np.any(margins) else upstream
        shape = (-1, down.tiles, down.outputs, right.tiles, right.outputs, self.geometry.filters)
        y = ops.transpose(ops.reshape(y, shape), (2, 4, 0, 1, 3, 5))
        return self._apply(self.matrices[2].T, y, (-1, self.geometry.filters))

    def _apply(self, matrix, tensor, shape):
        """The matrix times the tensor, whose first axes are its columns; rows are then first."""
        rows, columns = matrix.shape
        matrix = ops.convert_to_tensor(matrix, dtype=tensor.dtype)
        product = ops.matmul(matrix, ops.reshape(tensor, (columns, -1)))
        return ops.reshape(product, (rows, *shape))


def _at(axis, rank, *values):
    """Paddings of a tensor that has them along one axis only."""
    return [values if at == axis else (0, 0) for at in range(rank)]


def _cut(tensor, axis, begin, length):
    return tensor[(slice(None),) * axis + (slice(begin, begin + length),)]


def _fit(images, at, axis):
    """Pads or cuts an axis to what its tiles cover."""
    after = axis.pixels * axis.stride - axis.before - axis.size
    if after < 0:  # the last positions do not reach the end of the image
        images, after = _cut(images, at, 0, axis.size + after), 0
    if axis.before or after:
        images = ops.pad(images, _at(at, 4, axis.before, after))
    return images


def _fit_adjoint(gradients, at, axis):
    after = axis.pixels * axis.stride - axis.before - axis.size
    gradients = _cut(gradients, at, axis.before, min(axis.size, axis.size + after))
    return ops.pad(gradients, _at(at, 4, 0, -after)) if after < 0 else gradients


def _tiles(x, at, axis):
    """Splits axis `at`, pixels, into (tiles, pixels of a tile), which overlap."""
    shape = list(x.shape)
    shape[0] = -1
    if axis.tiles == 1:
        return ops.reshape(x, (*shape[:at], 1, *shape[at:]))
    begins = np.arange(axis.tiles) * axis.outputs
    return ops.take(x, np.add.outer(begins, np.arange(axis.tile)), axis=at)


def _tiles_adjoint(x, at, axis):
    """Sums (tiles, pixels of a tile) into pixels, in as many terms as tiles meet in a pixel."""
    shape = list(x.shape)
    shape[0] = -1
    if axis.tiles == 1:
        return ops.reshape(x, (*shape[:at], *shape[at + 1 :]))
    parts = -(-axis.tile // axis.outputs)
    rank = len(shape)
    x = ops.pad(x, _at(at + 1, rank, 0, parts * axis.outputs - axis.tile))
    total = 0
    for part in range(parts):
        term = _cut(x, at + 1, part * axis.outputs, axis.outputs)
        total = total + ops.pad(term, _at(at, rank, part, parts - 1 - part))
    blocks = axis.tiles + parts - 1
    total = ops.reshape(total, (*shape[:at], blocks * axis.outputs, *shape[at + 2 :]))
    return _cut(total, at, 0, axis.pixels)
