"""Options of fine tuning: weights from another run, and layers that stay as they are."""

import dataclasses
import functools

from caps_hvd.errors import ConfigError
from caps_hvd.io.options import option

_option = functools.partial(option, group="Fine tuning")


def parse_layers(text: str) -> tuple[str, ...]:
    """Names of layers, or patterns of them: `convolution,lane_*`."""
    patterns = tuple(pattern.strip() for pattern in text.split(","))
    if not all(patterns):
        raise ConfigError(f"expected names of layers, such as convolution; received {text!r}")
    return patterns


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuningOptions:
    """The part of a `TrainConfig` that says what is taken from another network."""

    initialize_from: str | None = _option(
        None,
        "Folder of a finished run, or its model.weights.h5, whose weights training begins with, "
        "in every layer whose shapes fit.",
        value_before_added=None,
    )
    freeze: str | None = _option(
        None,
        "Names of layers, or patterns of them, that are not trained, such as "
        "convolution,primary_capsules or lane_*.",
        parse=parse_layers,
        value_before_added=None,
    )
