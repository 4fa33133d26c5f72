"""Pictures, such as PNG and JPEG files, and how any image becomes one that a network takes.

`read_picture` reads a file as people expect to see it; `prepare` fits an image to a network. An
image that has the network's shape already is only scaled to 0 to 1, as in training.
"""

import os
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from caps_hvd.data.readers.checks import reading
from caps_hvd.data.split import unit_range
from caps_hvd.errors import DataError
from caps_hvd.io.one_line import one_line

# Of red, green and blue in the luminance of ITU-R BT.601, which Pillow's grey is, too.
LUMINANCE = (0.299, 0.587, 0.114)
# Endings of picture files, by which they are found in a folder.
PICTURE_SUFFIXES = (
    ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA")
# Float values may be above 1 by the rounding of a division, and by no more.
_ROUNDING = 1e-6


def read_picture(path) -> np.ndarray:
    """Reads a picture file.

    Turned as its EXIF data say. Of an animation, the first frame. Palettes, CMYK and other colour
    spaces become RGB. Transparency stays, as the last channel.

    Args:
        path: of a file in any format that Pillow reads.

    Returns:
        Array `(height, width, channels)`: 1 channel for grey, 2 for grey and alpha, 3 for RGB, 4
        for RGB and alpha; uint8, or uint16 for grey of 16 bits.

    Raises:
        DataError: there is no such file, or it is not a picture or is damaged.
    """
    where = one_line(path)
    if not os.path.isfile(path):  # of a name that is no path, too
        found = "found a folder" if os.path.isdir(path) else "there is none"
        raise DataError(f"{where}: expected a picture file, {found}; check the path")
    with reading(where, "a picture"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged EXIF data, and of sizes that are only large
        try:
            with Image.open(path) as picture:
                return _pixels(where, ImageOps.exif_transpose(picture))
        except UnidentifiedImageError:
            raise DataError(
                f"{where}: expected a picture, such as a PNG or JPEG file, found a file of another "
                "kind; leave it out, or save it as a PNG"
            ) from None


def _pixels(where, picture) -> np.ndarray:
    if picture.mode in _SIXTEEN_BIT:
        return np.asarray(picture).astype(np.uint16)[..., None]
    if picture.mode == "I":
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(
                f"{where}: expected values of 8 or 16 bits, found some from {values.min()} to "
                f"{values.max()}; save it with 8 or 16 bits"
            )
        return values.astype(np.uint16)[..., None]
    if picture.mode == "F":
        raise DataError(
            f"{where}: expected values of 8 or 16 bits, found floating point numbers, whose white "
            "a picture does not tell; save it with 8 or 16 bits, or as an array in an .npz file"
        )
    if picture.has_transparency_data:
        grey = picture.mode in ("1", "L", "LA", "La")
        picture = picture.convert("LA" if grey else "RGBA")
    elif picture.mode not in _AS_THEY_ARE:
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    values = np.asarray(picture)
    return values if values.ndim == 3 else values[..., None]


def prepare(image, image_shape) -> np.ndarray:
    """Returns an image as a network takes it.

    An image of another size is scaled to cover the network's (triangle filter, over the area of a
    pixel where it shrinks), aspect ratio kept, and what stands out is cut off evenly on both
    sides. Colour becomes grey by its luminance, 0.299 R + 0.587 G + 0.114 B, and grey becomes
    colour by repeating it. What is transparent lies on white where the network takes no alpha.

    Args:
        image: `(height, width, channels)`, or `(height, width)` for grey; uint8, uint16, booleans,
            other integers from 0 to 255, or floats from 0 to 1.
        image_shape: `(height, width, channels)` of the network. One of 1 or 3 channels takes grey
            and colour with and without alpha; any other takes images of as many channels only.

    Returns:
        Float32 of shape `image_shape`, values in [0, 1].

    Raises:
        DataError: no such image, values out of their range, or channels that do not fit.

    Example:
        >>> prepare(read_picture("photo.jpg"), (28, 28, 1)).shape
        (28, 28, 1)
    """
    height, width, channels = image_shape
    image = _as_array(image)
    values = _with_channels(_unit_values(image), channels)
    if values.shape[:2] != (height, width):
        values = _resized(values, height, width)
    return values


def _as_array(image) -> np.ndarray:
    """Any image as an array (height, width, channels)."""
    try:
        image = np.asarray(image)
    except ValueError:  # of lists in a list that are not as long as each other
        received = "rows of several lengths"
    else:
        image = image[..., None] if image.ndim == 2 else image
        received = image.shape
        if image.ndim == 3 and 0 not in received:
            return image
    raise DataError(
        "expected an image of the shape (height, width, channels) or (height, width), received "
        f"{received}; give several images as a list, or in one array"
    )


def _unit_values(image) -> np.ndarray:
    """Float32 in [0, 1]; for bytes, to the last bit what training makes of them."""
    kind = image.dtype.kind
    if image.dtype == np.uint8:
        return unit_range(image)
    if image.dtype == np.uint16:
        return np.multiply(image, np.float32(1 / 65535), dtype=np.float32)
    if kind == "b":
        return image.astype(np.float32)
    if kind not in "iuf":
        raise DataError(f"expected an image of numbers, received {image.dtype}; give uint8")
    low, high = float(image.min()), float(image.max())
    most = 1 if kind == "f" else 255
    if not (low >= -_ROUNDING and high <= most + _ROUNDING):  # true of NaN, too
        raise DataError(
            f"expected values from 0 to {most} in an image of the type {image.dtype}, received "
            f"{low:g} to {high:g}; scale them, such as by images.clip(0, 255).astype('uint8')"
        )
    values = image.astype(np.float32)
    return np.clip(values, 0, 1) if kind == "f" else unit_range(values)


def _with_channels(values, channels) -> np.ndarray:
    found = values.shape[-1]
    if found == channels:
        return values
    if channels not in (1, 3) or found > 4:
        raise DataError(
            f"expected an image of {channels} channel{'s' * (channels > 1)}, which the network was "
            f"trained on, received {found} in the shape {values.shape}; channels come last, and "
            "only networks of 1 or 3 channels take grey and colour alike"
        )
    if found in (2, 4):
        alpha = values[..., -1:]
        values = values[..., :-1] * alpha + (1 - alpha)
    if values.shape[-1] == channels:
        return values
    if channels == 3:
        return np.repeat(values, 3, axis=-1)
    return np.clip(values @ np.float32(LUMINANCE), 0, 1)[..., None]


def _resized(values, height, width) -> np.ndarray:
    """Scaled to cover (height, width), and the middle of it."""
    rows, columns = values.shape[:2]
    scale = max(height / rows, width / columns)
    cut_rows, cut_columns = (rows - height / scale) / 2, (columns - width / scale) / 2
    box = (
        max(0.0, cut_columns), max(0.0, cut_rows),
        min(columns, columns - cut_columns), min(rows, rows - cut_rows),
    )  # fmt: skip
    bilinear = Image.Resampling.BILINEAR
    resized = [
        Image.fromarray(np.ascontiguousarray(channel)).resize((width, height), bilinear, box)
        for channel in np.moveaxis(values, -1, 0)
    ]
    return np.clip(np.stack([np.asarray(each) for each in resized], axis=-1), 0, 1)
