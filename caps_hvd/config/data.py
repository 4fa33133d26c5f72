"""Options of the data set and of its augmentation."""

import dataclasses
import functools

from caps_hvd.io.options import option

_option = functools.partial(option, group="Data")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The part of a `TrainConfig` that says which images a run trains on and is tested with."""

    dataset: str = _option("digits", "Name of the data set, or an HDF5 file.")
    data_dir: str | None = _option(
        None,
        "Folder that holds the data sets, $CAPS_HVD_DATA_DIR by default.",
        decides_result=False,
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
