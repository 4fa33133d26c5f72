"""How the images of an array are read: where their axes are, and what their values mean.

What has one meaning is read; what has two is refused, in an error that names the option that
decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from caps_hvd.errors import DataError

_MOST_CHANNELS = 4  # of what is plainly an image: grey, grey and alpha, RGB, RGB and alpha
# Of values whose type can hold more than 0 to 255: a set whose brightest pixel is darker than this
# may as well have another range, such as 0 to 16.
_DARK = 64
# Whole numbers over 255, as float32 has them.
_ROUNDING = 4 * 255 * np.finfo(np.float32).eps


@dataclass(frozen=True)
class Pixels:
    """How rows of an array become images.

    Args:
        image_shape: `(height, width, channels)` of an image.
        channels_first: whether the array has the channels before height and width.
        low, high: values of the array that are black and white.
        eight_bit: whether the values are 256 steps from `low` to `high`, which uint8 holds exactly.
    """

    image_shape: tuple[int, int, int]
    channels_first: bool = False
    low: float = 0.0
    high: float = 255.0
    eight_bit: bool = True

    @property
    def dtype(self) -> np.dtype:
        """Of the images: uint8, or float32 where that would lose something."""
        return np.dtype(np.uint8 if self.eight_bit else np.float32)

    def as_stored(self, dtype) -> bool:
        """Whether values of a type are the images' as they are, but for their shape."""
        return dtype == np.uint8 and not self.channels_first and (self.low, self.high) == (0, 255)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Returns `(n, *image_shape)` in the range 0 to 255.

        Args:
            values: rows of the array.
        """
        height, width, channels = self.image_shape
        if self.channels_first:
            values = values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        else:
            values = values.reshape(-1, *self.image_shape)
        if values.dtype != np.uint8 or (self.low, self.high) != (0, 255):
            values = (values.astype(np.float64) - self.low) * (255 / (self.high - self.low))
            values = np.clip(np.rint(values) if self.eight_bit else values, 0, 255)
        return np.ascontiguousarray(values, self.dtype)


@dataclass(frozen=True)
class Axes:
    """Where the axes of an image are in an array, and what to say of it."""

    image_shape: tuple[int, int, int]
    channels_first: bool = False
    remark: str = ""


def find_axes(where: str, shape, image_shape=None, layout: str = "auto") -> Axes:
    """Returns where height, width and channels of the images are.

    Args:
        where: what errors call the array.
        shape: of the array: `(n, H, W)`, `(n, H, W, C)`, `(n, C, H, W)` or flattened `(n, H W C)`.
        image_shape: `(H, W, C)` that the images must have, None for any.
        layout: "channels-last", "channels-first", or "auto" for the one that is meant.

    Raises:
        DataError: the array holds no such images, or more than one reading is plausible.
    """
    shape = tuple(int(side) for side in shape)
    axes = shape[1:]
    if not 2 <= len(shape) <= 4 or prod(axes) == 0:
        raise _not_images(where, shape, image_shape)
    if shape[0] == 0:
        raise DataError(f"{where} is empty, expected at least one image")
    if len(axes) == 1:
        return _flattened(where, shape, image_shape, layout)
    if len(axes) == 2:
        axes, layout = (*axes, 1), "channels-last"
    last, first = axes, (axes[1], axes[2], axes[0])
    if layout == "auto" and image_shape is not None and last != tuple(image_shape) == first:
        layout = "channels-first"
    elif layout == "auto":
        _refuse_two_layouts(where, shape, image_shape)
    found = first if layout == "channels-first" else last
    if image_shape is not None and found != tuple(image_shape):
        raise _not_images(where, shape, image_shape)
    if layout == "channels-first":
        return Axes(found, True, f"channels first, {_times(found)} images")
    return Axes(found)


def _refuse_two_layouts(where, shape, image_shape):
    _, first, middle, last = shape if len(shape) == 4 else (*shape, 1)
    if image_shape is not None or last <= _MOST_CHANNELS:
        return
    if first <= _MOST_CHANNELS or first < last == middle:
        raise DataError(
            f"{where} has the shape {shape}: {first} x {middle} images of {last} channels, or "
            f"{middle} x {last} images of {first}, channels first? Give --image-layout "
            "channels-first, or --image-layout channels-last to read it as it stands"
        )


def _flattened(where, shape, image_shape, layout) -> Axes:
    count = shape[1]
    if image_shape is None:
        side = round(count**0.5)
        such = f"{side}x{side}x1" if side * side == count else "HEIGHTxWIDTHxCHANNELS"
        raise DataError(
            f"{where} holds flattened images, of {count} values each; give their shape with "
            f"--image-shape, such as --image-shape {such}"
        )
    if prod(image_shape) != count:
        raise DataError(
            f"{where} holds flattened images of {count} values each, expected "
            f"{_times(image_shape)} = {prod(image_shape)}; give their shape with --image-shape"
        )
    if image_shape[2] > 1 and layout == "auto":
        raise DataError(
            f"{where} holds flattened images of {image_shape[2]} channels: pixel after pixel, or "
            "channel after channel? Give --image-layout channels-last or --image-layout "
            "channels-first"
        )
    return Axes(
        tuple(image_shape), layout == "channels-first", f"flattened {_times(image_shape)} images"
    )


def _not_images(where, shape, image_shape) -> DataError:
    wanted = ", ".join(map(str, image_shape or ("height", "width", "channels")))
    return DataError(
        f"{where} must have shape (samples, {wanted}), found {shape}; if these are the images, "
        "store them in this shape"
    )


@dataclass(frozen=True)
class ValueRange:
    """The values that are black and white, whether they are 256 steps, and what to say of it."""

    low: float
    high: float
    eight_bit: bool
    remark: str = ""


def find_range(where: str, dtype, blocks: Iterable[np.ndarray], given=None) -> ValueRange:
    """Returns what the values of images mean.

    Bytes are 0 to 255, unless all are 0 or 1. Other numbers are looked through, every one.

    Args:
        where: what errors call the array.
        dtype: of its values.
        blocks: its rows, some at a time.
        given: `(low, high)` from the user, None to find out.

    Raises:
        DataError: values are outside of the range, not finite, no numbers, or have two meanings.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "uifb":
        raise DataError(f"{where} must be numbers, found {dtype}; store the pixels as uint8")
    if dtype.kind == "b":
        return ValueRange(0, 1, True, "false is black and true white")
    if given is None and dtype == np.uint8:
        if _highest(blocks) != 1:
            return ValueRange(0, 255, True)
        return ValueRange(0, 1, True, "0 is black and 1 white")
    low, high, whole, whole_of_255 = _look_through(where, blocks, given)
    if given is not None:
        if low < given[0] or high > given[1]:
            raise DataError(
                f"{where} has values from {low:g} to {high:g}, expected {given[0]:g} to "
                f"{given[1]:g}, as --pixel-range says"
            )
        return ValueRange(*given, whole_of_255, f"values from {given[0]:g} to {given[1]:g}")
    found = f"values from {low:g} to {high:g} in {dtype}"
    if low < 0 or high > 255:
        such = f"{low:g},{high:g}" if low < 0 else f"0,{_next_power(high)}"
        raise DataError(
            f"{where} has {found}, expected 0 to 1 or 0 to 255; say which are black and white, "
            f"such as --pixel-range={such}"
        )
    if high <= 1:
        return ValueRange(0, 1, whole_of_255, f"{dtype} values from 0 to 1")
    if high < _DARK:
        raise DataError(
            f"{where} has {found}: of 0 to 255, or of 0 to {high:g}? Say which are black and "
            f"white, --pixel-range 0,255 or --pixel-range 0,{high:g}"
        )
    return ValueRange(0, 255, whole, f"{dtype} values from 0 to 255")


def _highest(blocks) -> int:
    """The highest byte; what is above 1 ends the search."""
    highest = 0
    for block in blocks:
        highest = max(highest, int(block.max(initial=0)))
        if highest > 1:
            break
    return highest


def _look_through(where, blocks, given):
    """(lowest, highest, all whole, all whole numbers over 255 of the range 0 to 1 or of `given`)"""
    lowest, highest, whole, whole_of_255 = np.inf, -np.inf, True, True
    black, white = given or (0, 1)
    wrong = 0
    for block in blocks:
        values = block.astype(np.float64)
        wrong += int(np.sum(~np.isfinite(values)))
        if wrong:
            continue
        lowest, highest = min(lowest, values.min()), max(highest, values.max())
        whole = whole and bool(np.all(values == np.rint(values)))
        if whole_of_255:
            values = (values - black) * (255 / (white - black))
            whole_of_255 = bool(np.all(np.abs(values - np.rint(values)) <= _ROUNDING))
    if wrong:
        raise DataError(
            f"{where} holds {wrong} values that are NaN or infinite; remove or replace them"
        )
    return lowest, highest, whole, whole_of_255


def _next_power(high) -> int:
    """The largest value of the fewest bits that hold `high`: 4095, 65535."""
    return 2 ** int(np.ceil(np.log2(high + 1))) - 1


def _times(shape) -> str:
    return " x ".join(map(str, shape))
