"""Calibration of lanes: seconds of lanes on one device, and the file that keeps them.

`caps-hvd lanes calibrate` writes it; `time_model.py` fits and predicts.
"""

import dataclasses
import functools
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io import typed
from caps_hvd.io.typed import Count, NonEmpty, NonNegative
from caps_hvd.lanes.lane import TYPES

DEFAULT = Path(__file__).with_name("default_times.json")


@dataclasses.dataclass(frozen=True)
class Kinds:
    """Work or its coefficients: a number for each kind of work in a training step of a lane.

    Args:
        layers: with weights; each has a number of operations to start, however small it is.
        head_convolutions: in front of the first capsules, over an image.
        first_capsules: the convolution of the first level, over many channels.
        image_convolutions: over capsules as an image, which has one channel.
        image_capsules: the convolutions behind those.
    """

    layers: NonNegative
    head_convolutions: NonNegative
    first_capsules: NonNegative
    image_convolutions: NonNegative
    image_capsules: NonNegative


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaneTime:
    """Seconds that a training step of one lane took: forward, backward and Adam's update."""

    width: Count
    depth: Count
    seconds: NonNegative


@dataclasses.dataclass(frozen=True, kw_only=True)
class TypeTimes:
    """Seconds of lanes of one type, and what was fitted on them.

    Args:
        type: of the lanes.
        coefficients: seconds for a layer, and for a GFLOP of a forward pass of the other kinds.
        published: a of the published form, a · depth · width², in seconds.
        timed: what the two were fitted on.
        checked: what they were not fitted on; empty where nothing more was timed.
    """

    type: str
    coefficients: Kinds
    published: NonNegative
    timed: list[LaneTime]
    checked: list[LaneTime]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaneCalibration:
    """A calibration: seconds of lanes of one or more types on one device.

    Args:
        created_utc: in ISO 8601.
        command_line: what measured it.
        device: the processor's name, or the GPU's.
        threads: that computed.
        image_shape: height, width and channels of an image.
        batch_size: images of a step.
        types: of lanes, each once.
    """

    schema: str = "caps_hvd.lane_times/1"
    created_utc: str
    command_line: NonEmpty[str]
    device: str
    threads: Count
    image_shape: NonEmpty[Count]
    batch_size: Count
    types: NonEmpty[TypeTimes]

    def of(self, type: str) -> TypeTimes:
        """Returns what lanes of a type took.

        Raises:
            RunError: there is none.
        """
        found = next((each for each in self.types if each.type == type), None)
        if found is None:
            raise RunError(
                f"calibration of lanes: expected lanes of type {type}, received "
                f"{', '.join(each.type for each in self.types)}; make it anew with "
                "`caps-hvd lanes calibrate`, which takes lanes of all types"
            )
        return found


def write(path, calibration: LaneCalibration) -> None:
    """Writes a calibration, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    typed.write_json(path, calibration)


def read(path) -> LaneCalibration:
    """Reads a calibration and checks it.

    Raises:
        RunError: the file is missing or damaged; the message names what is wrong in it.
    """
    found = typed.read_json(path, LaneCalibration, "the calibration", f"{_ANEW} makes one")
    names = [each.type for each in found.types]
    if len(set(names)) < len(names) or not set(names) <= set(TYPES):
        raise RunError(
            f"{path}: types: expected some of {', '.join(TYPES)}, each once, received "
            f"{', '.join(names)}; make it anew with {_ANEW}"
        )
    for each in found.types:
        own = each.coefficients  # of what every lane has
        if own.layers + own.head_convolutions + own.first_capsules == 0:
            raise RunError(
                f"{path}: types: {each.type}: coefficients: expected one above 0 for layers, "
                f"head_convolutions or first_capsules, received 0; make it anew with {_ANEW}"
            )
    return found


@functools.cache
def default() -> LaneCalibration:
    """Returns the calibration that comes with the package, whose ratios between lanes matter."""
    return read(DEFAULT)


_ANEW = "`caps-hvd lanes calibrate --output FILE`"
