"""Options of the data set and of its augmentation."""

import dataclasses
import functools
import math

from caps_hvd.errors import ConfigError
from caps_hvd.io.options import option

_option = functools.partial(option, group="Data")


def parse_image_shape(text: str) -> tuple[int, int, int]:
    """Height, width and channels of an image: `28x28x1`."""
    sides = text.split("x")
    if len(sides) != 3 or not all(side.isdecimal() and int(side) for side in sides):
        raise ConfigError(
            f"expected height, width and channels, such as 28x28x1; received {text!r}"
        )
    return tuple(map(int, sides))


def parse_pixel_range(text: str) -> tuple[float, float]:
    """The values that are black and white: `0,255`."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise ConfigError(
            f"expected the lowest and the highest value, such as 0,1; received {text!r}"
        )
    return low, high


def parse_array_names(text: str) -> tuple[str, ...]:
    """Names of arrays: of images and labels, for training, for testing and for validation."""
    names = tuple(name.strip() for name in text.split(","))
    if len(names) not in (2, 4, 6) or not all(names):
        raise ConfigError(
            "expected IMAGES,LABELS or IMAGES,LABELS,TEST_IMAGES,TEST_LABELS, the names of arrays, "
            f"with VALIDATION_IMAGES,VALIDATION_LABELS behind them or without; received {text!r}"
        )
    return names


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The part of a `TrainConfig` that says which images a run trains on and is tested with."""

    dataset: str = _option(
        "digits", "Name of the data set, or an .h5 or .npz file, or a folder of IDX files."
    )
    data_dir: str | None = _option(
        None,
        "Folder that holds the data sets, $CAPS_HVD_DATA_DIR by default.",
        decides_result=False,
    )
    image_shape: str | None = _option(
        None,
        "HEIGHTxWIDTHxCHANNELS of the images in a file that holds them flattened.",
        parse=parse_image_shape,
        value_before_added=None,
    )
    image_layout: str = _option(
        "auto",
        "Whether the channels of a file's images come last or before height and width; auto reads "
        "what can be read in one way only.",
        choices=("auto", "channels-last", "channels-first"),
        value_before_added="auto",
    )
    pixel_range: str | None = _option(
        None,
        "LOW,HIGH: values of a file that are black and white, where these are not 0 and 1 or 0 and "
        "255.",
        parse=parse_pixel_range,
        value_before_added=None,
    )
    first_label: str = _option(
        "auto",
        "Label of the first class of a file whose labels are numbers; auto takes the numbers that "
        "there are.",
        choices=("auto", "0", "1"),
        value_before_added="auto",
    )
    array_names: str | None = _option(
        None,
        "IMAGES,LABELS or IMAGES,LABELS,TEST_IMAGES,TEST_LABELS: names of a file's arrays, where "
        "they are not the usual ones; VALIDATION_IMAGES,VALIDATION_LABELS may follow.",
        parse=parse_array_names,
        value_before_added=None,
    )
    test_fraction: float = _option(
        0.2,
        "Share of each class that is held out for testing, by the seed, where a file has no test "
        "part.",
        above=0,
        maximum=0.9,
        value_before_added=0.2,
    )
    rotation_degrees: float = _option(
        0.0,
        "Angle that rotated data sets turn their test images by.",
        unit="degrees",
        minimum=-360,
        maximum=360,
    )
    train_samples: int | None = _option(
        None, "Train on the first samples only.", unit="samples", minimum=1, none="all"
    )
    test_samples: int | None = _option(
        None, "Test on the first samples only.", unit="samples", minimum=1, none="all"
    )
    augment: bool = _option(False, "Shift, rotate and (colour images) flip at random.")
    max_shift_pixels: int = _option(
        2, "Largest random shift, in each direction.", unit="pixels", minimum=0
    )
    max_rotation_degrees: float = _option(
        10.0, "Largest random rotation.", unit="degrees", minimum=0, maximum=180
    )
