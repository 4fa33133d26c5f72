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
