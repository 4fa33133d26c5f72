"""The multi-lane capsule network of Rosario, Borin and Breternitz (2019)."""

import random

import keras
from keras import ops

from caps_hvd.config.lanes import ROUTINGS
from caps_hvd.config.model import MlcnOptions
from caps_hvd.errors import ConfigError
from caps_hvd.lanes import geometry
from caps_hvd.lanes.groups import model_lanes
from caps_hvd.models.capsule_classifier import dense_decoder
from caps_hvd.models.initialization import standardization
from caps_hvd.models.lane_capsule import LaneCapsule
from caps_hvd.models.multi_lane_classifier import MultiLaneClassifier
from caps_hvd.models.presets import preset_for

PRESETS = {"paper": (512, 1024), "small": (128, 256)}  # hidden layers of the decoder


def mlcn(options: MlcnOptions, image_shape, classes, *, lane_ids=None, exchange=None, seed=None):
    """Builds a multi-lane capsule network: lanes from the image to class capsules, and a decoder.

    Lane k is a network of its own and gives component k of every class capsule; `LaneCapsule` says
    how. Rosario, Borin and Breternitz, "The Multi-Lane Capsule Network", arXiv:1902.08431 (2019).

    Args:
        options: lanes, routing, and the decoder, whose preset "paper" has 512 and 1024 units,
            "small" 128 and 256; "auto" is "paper" for images of at least 28x28 and "small" below.
            Routing iterations and `stop_gradient` are of lane routing "classes" alone: "published"
            has nothing to decide, and none is computed.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are, 1 or more.
        lane_ids: numbers of the lanes that are built here, where other processes have the others.
            Defaults to None: all of them.
        exchange: layer from the class capsules of these lanes, float32 of shape (batch, classes,
            len(lane_ids)), in the order of `lane_ids`, to those of all lanes in the order of their
            numbers, (batch, classes, lanes). Defaults to None: they are all here.
        seed: of the initial weights of the lanes, those of lane k depending on it and k alone, and
            of dropout. Defaults to None: drawn from Python's generator, which
            `keras.utils.set_random_seed` sets.

    Returns:
        A `MultiLaneClassifier` (2,371,856 trained parameters with 2 lanes at 28x28x1 and 10
        classes).

    Raises:
        ConfigError: an argument is out of range, or the images are too small for a lane; the
            message names it.
        ValueError: `exchange` does not give as many components as there are lanes.

    Example:
        >>> options = MlcnOptions(lanes=2, initialization="published")
        >>> mlcn(options, (28, 28, 1), 10).count_params()
        2371856
    """
    preset = preset_for(options.preset, image_shape, PRESETS)
    if options.lane_routing not in ROUTINGS:
        raise ConfigError(
            f"lane_routing: expected one of {', '.join(ROUTINGS)}; "
            f"received {options.lane_routing!r}"
        )
    if classes < 1:
        raise ConfigError(f"classes: expected 1 or more; received {classes}")
    if options.lane_routing == "published":
        _check_nothing_is_routed(options)
    every = model_lanes(options)
    geometry.networks(every, image_shape, classes)  # which names a lane that the image refuses
    own = _own(lane_ids, len(every))
    seed = random.getrandbits(31) if seed is None else seed

    images = keras.Input(tuple(image_shape))
    standardized = images
    for layer in standardization(options.initialization):
        standardized = layer(standardized)
    values = [
        LaneCapsule(
            every[index],
            classes,
            routing=options.lane_routing,
            iterations=options.routing_iterations,
            stop_gradient=options.stop_gradient,
            memory_mib=options.routing_memory_mib,
            initialization=options.initialization,
            seed=_seed(seed, f"lane {index}"),
            name=f"lane_{index}",
        )(standardized)
        for index in own
    ]
    # An operation and not a layer, which in half precision would cast the capsules down.
    capsules = ops.concatenate(values, axis=-1)
    if exchange is not None:
        capsules = exchange(capsules)
    if capsules.shape[-1] != len(every):
        raise ValueError(
            "`exchange` must give the class capsules of all lanes. "
            f"Received: capsules.shape={tuple(capsules.shape)} for {len(every)} lanes"
        )
    widths = PRESETS[preset]
    return MultiLaneClassifier(
        keras.Model(images, capsules, name="encoder"),
        dense_decoder(options.decoder, classes, len(every), widths, image_shape),
        preset=preset,
        lane_dropout=options.lane_dropout,
        seed=_seed(seed, "dropout"),
        name="mlcn",
    )


def _check_nothing_is_routed(options):
    for name in ("routing_iterations", "stop_gradient"):
        value, default = getattr(options, name), getattr(MlcnOptions, name)
        if value != default:
            raise ConfigError(
                f"{name}: expected {default!r}, since lane_routing 'published' computes no "
                f"iterations; received {value!r}; remove it, or take lane_routing 'classes'"
            )


def _own(lane_ids, lanes):
    own = list(range(lanes)) if lane_ids is None else list(lane_ids)
    if not own or len(set(own)) < len(own) or not set(own) <= set(range(lanes)):
        raise ConfigError(
            f"lane_ids: expected some of 0 to {lanes - 1}, each once, received {own}; give every "
            "process at least one lane"
        )
    return own


def _seed(seed, what):
    """A seed that depends on these two alone: on no draw before it, and on no other process."""
    return random.Random(f"{seed} {what}").getrandbits(31)
