"""The shapes of a convolution, as one with strides of 1 that is computed in tiles.

A convolution with stride s is, along each axis, a convolution with stride 1 of the s phases of the
image, which become channels: output r needs the pixels `s r + k`, and with k = s m + p these are
pixel `r + m` of phase p.  The kernel then has `ceil(kernel / s)` taps.  A tile of n pixels of every
phase gives `n - taps + 1` outputs; where an image needs more, tiles overlap by `taps - 1` pixels
("overlap-save").
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis of a convolution, height or width.

    Args:
        size: pixels of the image.
        kernel: pixels of the kernel.
        stride: pixels between two positions.
        tile: pixels of each phase in a tile, at least `taps`.
        before: pixels of padding in front of the image. Defaults to 0.
        after: pixels of padding behind it. Defaults to 0.
    """

    size: int
    kernel: int
    stride: int
    tile: int
    before: int = 0
    after: int = 0

    @property
    def positions(self):
        """Positions of the kernel: pixels of the output."""
        return (self.before + self.size + self.after - self.kernel) // self.stride + 1

    @property
    def taps(self):
        """Taps of the kernel in each phase."""
        return -(-self.kernel // self.stride)

    @property
    def outputs(self):
        """Outputs of a tile."""
        return self.tile - self.taps + 1

    @property
    def tiles(self):
        """Tiles of an image."""
        return -(-self.positions // self.outputs)

    @property
    def pixels(self):
        """Pixels of each phase that the tiles cover."""
        return self.tiles * self.outputs + self.taps - 1


@dataclasses.dataclass(frozen=True)
class Geometry:
    """A convolution of images (height, width, channels) to (rows, columns, filters), in tiles.

    Args:
        height, width: the two axes.
        channels: of the images.
        filters: channels of the outputs.
    """

    height: Axis
    width: Axis
    channels: int
    filters: int

    @property
    def axes(self):
        return self.height, self.width

    @property
    def phase_channels(self):
        """Channels of all phases together."""
        return self.height.stride * self.width.stride * self.channels

    @property
    def tiles(self):
        """Tiles of an image."""
        return self.height.tiles * self.width.tiles


def padding_of(size, kernel, stride, padding):
    """Returns the pixels of padding (before, after) of an axis, as Keras pads.

    Args:
        padding: "valid" or "same".
    """
    if padding == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def geometry(image_shape, kernel_shape, strides, padding="valid"):
    """Returns the `Geometry` of a convolution, with tiles of the size that has least to compute.

    It depends on the shapes alone, and not on the machine.

    Args:
        image_shape: (height, width, channels) of an image.
        kernel_shape: (height, width, channels, filters) of the kernel.
        strides: pixels between two positions, (down, right).
        padding: "valid" or "same". Defaults to "valid".
    """
    channels, filters = kernel_shape[2:]

    def candidates(at):
        size, kernel, stride = image_shape[at], kernel_shape[at], strides[at]
        whole = Axis(size, kernel, stride, size, *padding_of(size, kernel, stride, padding))
        outputs = {-(-whole.positions // tiles) for tiles in range(1, whole.positions + 1)}
        tiles = sorted(whole.taps - 1 + number for number in outputs)
        return [
            dataclasses.replace(whole, tile=tile)
            for tile in tiles
            if tile <= max(_LARGEST_TILE, whole.taps)
        ]

    found = [
        Geometry(down, right, channels, filters)
        for down in candidates(0)
        for right in candidates(1)
    ]
    return min(found, key=_cost)


# The batch that the size of tiles is chosen for; larger tiles compute less for every image, and
# more for the kernel, once for each batch.
_BATCH = 64
# The transforms of a tile grow with its size; in `keras.ops` with its pixels.
_LARGEST_TILE = 16
# Products that take as long as the transforms of one value there and back.
_PRODUCTS_PER_VALUE = 40


def _cost(shape):
    slots = shape.height.tile * shape.width.tile * 1.5
    rows = _BATCH * shape.tiles
    values = rows * (shape.phase_channels + shape.filters) + shape.phase_channels * shape.filters
    products = rows * shape.phase_channels * shape.filters
    return slots * (products + _PRODUCTS_PER_VALUE * values)
