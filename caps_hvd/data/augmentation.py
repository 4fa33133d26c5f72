r"""Random shifts, rotations and flips of images, in one bilinear resampling.

Each output pixel \( o \), measured from the centre \( c \), is read at

\[ q = c + F R_{\theta} (o - c) - t \]

with the shift \( t \), the rotation \( R_\theta \) and the optional mirror \( F \), and
interpolated between its four neighbours; outside of the image everything is 0.  One resampling
for all three blurs once and costs once.

The draws are a hash of (seed, epoch, sample index), so an image is changed in the same way
whatever the number of ranks, the batch size, and the order in which batches are made.
The hash is the output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom
number generators, OOPSLA 2014), which passes BigCrush on a counter and works on whole arrays.
"""

from dataclasses import dataclass

import numpy as np

from caps_hvd.errors import ConfigError

_PIXELS_AT_ONCE = 18_000
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def sample_keys(seed: int, epoch: int, indices) -> np.ndarray:
    """Returns one random key for each sample of an epoch.

    Args:
        seed: of the run, 0 or more.
        epoch: 0 for the first.
        indices: `(n,)` positions of the samples in the training set.

    Returns:
        uint64 `(n,)`.
    """
    key = np.zeros(1, np.uint64)
    for part in (seed, epoch, indices):
        key = _mix((key ^ np.atleast_1d(np.asarray(part, np.uint64))) + _GOLDEN)
    return key


def uniform(keys: np.ndarray, draws: int) -> np.ndarray:
    """Returns `draws` uniform numbers in [0, 1) for each key: float32 `(draws, n)`."""
    counters = np.arange(1, draws + 1, dtype=np.uint64)[:, None] * _GOLDEN
    # The upper 24 bits fill the mantissa of a float32 exactly, so 1 is never reached.
    return (_mix(keys + counters) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


@dataclass(frozen=True)
class Augment:
    """Random shifts, rotations and mirror images.

    Args:
        max_shift_pixels: largest shift along each axis, in pixels; each image is shifted by a
            whole number from `-max_shift_pixels` to `max_shift_pixels`. Default 2.
        max_rotation_degrees: largest rotation about the image's centre, in degrees, 0 to 180;
            uniform in both directions. Default 10.
        flip: mirror every second image, on average, left to right. Only where a mirrored image
            is still one of its class: colour photographs, not digits. Default False.

    Shapes: images `(n, H, W, C)` in and out.

    Raises:
        ConfigError: an argument is out of its range.

    Example:

    ```python
    augment = Augment(max_shift_pixels=2, max_rotation_degrees=10)
    changed = augment(images, sample_keys(seed=0, epoch=3, indices=indices))
    ```
    """

    max_shift_pixels: int = 2
    max_rotation_degrees: float = 10.0
    flip: bool = False

    def __post_init__(self):
        if self.max_shift_pixels < 0:
            raise ConfigError(
                f"max_shift_pixels: expected 0 or more pixels, received {self.max_shift_pixels}"
            )
        if not 0 <= self.max_rotation_degrees <= 180:
            raise ConfigError(
                "max_rotation_degrees: expected 0 to 180 degrees, received "
                f"{self.max_rotation_degrees}"
            )

    def __call__(self, images: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Returns the changed images, float32 `(n, H, W, C)` within the range of the given ones.

        Args:
            images: uint8 or float32 `(n, H, W, C)`, 0 for empty.
            keys: uint64 `(n,)`, from `sample_keys`.
        """
        across, down, turn, mirror = uniform(keys, draws=4)
        choices = 2 * self.max_shift_pixels + 1
        shift = np.floor(np.stack((down, across)) * choices) - self.max_shift_pixels
        angle = np.deg2rad(self.max_rotation_degrees) * (2 * turn - 1)
        flip = np.where(mirror < 0.5, -1, 1) if self.flip else np.ones(len(images))
        return resample(images, angle, shift, flip)


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotates all images counter-clockwise by the same angle; the corners become 0.

    Args:
        images: `(n, H, W, C)`, uint8 or float32.
        degrees: the angle.

    Returns:
        As the images; uint8 are rounded.
    """
    still = np.zeros((2, len(images)))
    angle = np.full(len(images), np.deg2rad(degrees))
    turned = resample(images, angle, still, np.ones(len(images)))
    return np.rint(turned).astype(np.uint8) if images.dtype == np.uint8 else turned


def resample(images, angle, shift, flip) -> np.ndarray:
    """Rotates, shifts and mirrors each image in one bilinear resampling with zero fill.

    Args:
        images: `(n, H, W, C)`.
        angle: `(n,)`, counter-clockwise as one looks at the image, in radians.
        shift: `(2, n)`, pixels (down, right).
        flip: `(n,)`, -1 to mirror left to right, else 1.

    Returns:
        float32 `(n, H, W, C)`.
    """
    resampled = np.empty(images.shape, np.float32)
    # As many images at a time as stay in the processor's cache: twice as fast as all at once.
    rows = max(1, _PIXELS_AT_ONCE // max(1, images.shape[1] * images.shape[2]))
    for start in range(0, len(images), rows):
        block = slice(start, start + rows)
        _resample(images[block], angle[block], shift[:, block], flip[block], resampled[block])
    return resampled


def _resample(images, angle, shift, flip, out) -> None:
    n, height, width, channels = images.shape
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    sine, cosine, flip, down, right = (
        np.asarray(value, np.float32)[:, None, None]
        for value in (np.sin(angle), np.cos(angle), flip, *shift)
    )
    # One border of zeros before and two after, so that every neighbour of a clipped position
    # exists and outside is 0; positions are relative to the padded image.
    source_y = cosine * y + sine * x + ((height - 1) / 2 + 1 - down).astype(np.float32)
    source_x = flip * (cosine * x - sine * y) + ((width - 1) / 2 + 1 - right).astype(np.float32)
    np.clip(source_y, 0, height + 1, out=source_y)
    np.clip(source_x, 0, width + 1, out=source_x)

    padded = np.zeros((n, height + 3, width + 3, channels), images.dtype)
    padded[:, 1 : height + 1, 1 : width + 1] = images
    padded = padded.reshape(-1)

    top, left = source_y.astype(np.int32), source_x.astype(np.int32)
    source_y -= top
    source_x -= left
    line = (width + 3) * channels
    first = np.arange(n, dtype=np.intp)[:, None, None] * ((height + 3) * line)
    corner = first + top * line + left * channels

    def across(offset):
        """Interpolates between the pixels at `offset` and to the right of it."""
        left, right = padded.take(corner + offset), padded.take(corner + (offset + channels))
        return _between(left, right, source_x)

    for channel in range(channels):
        out[..., channel] = _between(across(channel), across(channel + line), source_y)


def _between(first, second, fraction) -> np.ndarray:
    """Returns `first + fraction * (second - first)` in float32."""
    change = np.subtract(second, first, dtype=np.float32)
    change *= fraction
    change += first
    return change
