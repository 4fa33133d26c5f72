"""The calibration of lanes: their seconds on this device; `caps-hvd lanes calibrate`."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from caps_hvd.distributed import comm
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io.timestamp import utc_now
from caps_hvd.lanes import lane_times as calibrations
from caps_hvd.lanes import time_model
from caps_hvd.lanes.geometry import networks
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.lanes.lane_times import LaneCalibration, LaneTime
from caps_hvd.system.backend import keras_backend, start_keras
from caps_hvd.system.contention import CpuContention
from caps_hvd.system.host import cpu_model


def calibrate(
    output=None,
    *,
    types: Sequence[str] = TYPES,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    batch_size: int = 10,
    threads: int = 1,
    rounds: int = 3,
    check: bool = False,
    command_line: Sequence[str] = ("caps-hvd", "lanes", "calibrate"),
    say: Callable = print,
) -> LaneCalibration:
    """Times lanes of the nine sizes `time_model.FITTED`, and fits seconds of a lane on them.

    Args:
        output: path of the JSON file, or None to write none.
        types: of lanes, each on its own. Defaults to all.
        image_shape: (height, width, channels) of an image, which must allow lanes of depth 5.
        batch_size: images of a step. Ten keep the largest lane below 3 GiB. Defaults to 10.
        threads: that compute. Others on the machine disturb one the least. Defaults to 1.
        rounds: in which each lane is timed. Defaults to 3.
        check: whether to time the other sixteen sizes as well, to judge the fit by. Defaults to
            False.
        command_line: for the file.
        say: is told how far it is.

    Returns:
        The calibration, which is also in the file.

    Raises:
        ConfigError: several ranks, another backend than TensorFlow, or the image does not allow a
            lane; the message names it.
        RunError: the file cannot be written.
    """
    if keras_backend() != "tensorflow":
        raise ConfigError(
            f"KERAS_BACKEND: expected tensorflow to calibrate, received {keras_backend()}"
        )
    if comm.launched_size() > 1:
        raise ConfigError(
            f"lanes calibrate: expected one process, received {comm.launched_size()} ranks; start "
            "it without a launcher"
        )
    pairs = (*time_model.FITTED, *(time_model.JUDGED if check else ()))
    for type in types:  # mistakes cost no wait for TensorFlow
        networks(tuple(Lane(type, *pair) for pair in pairs), image_shape)
    if output is not None and not os.access(Path(output).parent, os.W_OK):
        raise RunError(f"{output}: cannot write there; choose another folder")
    start_keras()
    from caps_hvd.distributed import use_threads

    use_threads(comm.init(), threads)
    contention = CpuContention()
    found = []
    for type in types:
        say(f"{type}: {len(pairs)} lanes")
        timed = _timed(type, pairs, image_shape, batch_size, rounds, say)
        fitted, checked = timed[: len(time_model.FITTED)], timed[len(time_model.FITTED) :]
        found.append(time_model.fit(type, fitted, image_shape, batch_size, checked))
    contention.warn()
    whole = LaneCalibration(
        created_utc=utc_now(),
        command_line=list(command_line),
        device=_device(),
        threads=threads,
        image_shape=list(image_shape),
        batch_size=batch_size,
        types=found,
    )
    if output is not None:
        calibrations.write(output, whole)
    return whole


def _timed(type, pairs, image_shape, batch_size, rounds, say) -> list[LaneTime]:
    from caps_hvd.calibration.lane_timing import lane_step, time_steps

    steps = [lane_step(Lane(type, *pair), image_shape, batch_size) for pair in pairs]
    seconds = time_steps(steps, rounds, say)
    return [
        LaneTime(width=width, depth=depth, seconds=each)
        for (width, depth), each in zip(pairs, seconds, strict=True)
    ]


def _device() -> str:
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return cpu_model()
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name)
