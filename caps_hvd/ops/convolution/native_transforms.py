"""The transforms of the bilinear form in C++: one pass over what is read and what is written."""

import numpy as np
from keras import ops

from caps_hvd.native.library import native
from caps_hvd.ops.convolution.transforms import factors


class NativeTransforms:
    """`bilinear.Transforms` by the operations in C++, with the same slots.

    Images, kernel and outputs are all planes of pixels that are cut into tiles: the kernel is one
    plane with channels x filters channels and one tile, and the outputs are cut without overlap.

    Args:
        geometry: a `Geometry`.
    """

    def __init__(self, geometry):
        self.geometry = geometry
        axes = geometry.axes
        a, b, c = factors(tuple(axis.tile for axis in axes), tuple(axis.taps for axis in axes))
        # size, before, stride, tiles, step, length
        self._images = _Planes(
            a, [(n.size, n.before, n.stride, n.tiles, n.outputs, n.tile) for n in axes]
        )
        self._kernel = _Planes(b, [(n.kernel, 0, n.stride, 1, n.taps, n.taps) for n in axes])
        self._outputs = _Planes(
            c, [(n.positions, 0, 1, n.tiles, n.outputs, n.outputs) for n in axes]
        )

    def images(self, images):
        """A x: (batch, height, width, channels) to (slots, batch x tiles, phase channels)."""
        return self._images.slots(images)

    def images_adjoint(self, slots):
        """A^T: the gradient of `images`."""
        return self._images.planes(slots)

    def kernel(self, kernel):
        """B w: (height, width, channels, filters) to (slots, phase channels, filters)."""
        slots = self._kernel.slots(ops.reshape(kernel, (1, *kernel.shape[:2], -1)))
        return ops.reshape(slots, (-1, self.geometry.phase_channels, self.geometry.filters))

    def kernel_gradient(self, image_slots, upstream_slots):
        """B^T [(A x)^T * (C^T dy)]: the products of all slots, which are large, are never there.

        A block of them stays in the cache until it has been transformed.
        """
        kernel = self._kernel.plane_of_products(image_slots, upstream_slots)
        return ops.reshape(
            kernel, (*kernel.shape[1:3], self.geometry.channels, self.geometry.filters)
        )

    def outputs(self, slots):
        """C: (slots, batch x tiles, filters) to (batch, rows, columns, filters)."""
        return self._outputs.planes(slots)

    def outputs_adjoint(self, upstream):
        """C^T: the gradient of `outputs`."""
        return self._outputs.slots(upstream)


class _Planes:
    """Planes (planes, height, width, channels) that are cut into tiles, and their slots."""

    def __init__(self, factors, axes):
        self._attributes = {
            "height": axes[0],
            "width": axes[1],
            "group_columns": [part.shape[1] for part in factors.down],
            "group_slots": [len(part) for part in factors.down],
        }
        down = [part.reshape(len(part), -1) for part in factors.down]
        self._forward = factors.across, _flat(down)
        self._adjoint = factors.across.T, _flat(part.T for part in down)

    def slots(self, planes):
        return self._call(native().planes_to_slots, self._forward, planes)

    def planes(self, slots):
        return self._call(native().slots_to_planes, self._adjoint, slots)

    def plane_of_products(self, left, right):
        return self._call(native().slot_products_to_plane, self._adjoint, left, right)

    def _call(self, operation, matrices, *tensors):
        across, down = (ops.convert_to_tensor(m, dtype=tensors[0].dtype) for m in matrices)
        return operation(across, down, *tensors, **self._attributes)


def _flat(arrays):
    return np.concatenate([array.reshape(-1) for array in arrays])
