"""Options of a network: its size, its routing, its decoder and its precision."""

import dataclasses
import functools

from caps_hvd.io.options import option

_option = functools.partial(option, group="Model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The part of a `TrainConfig` that says how a network is built and what its loss is made of.

    `config/model.py` says which of them a model takes.
    """

    preset: str = _option(
        "auto",
        "Size of the model; auto takes small for images below 28 pixels, paper for larger ones; "
        "slim is the paper's with an eighth of the filters and a quarter of the capsules.",
        choices=("auto", "paper", "slim", "small"),
    )
    initialization: str = _option(
        "scaled",
        "Start of the network: scaled standardises images, and starts and moves class capsules "
        "alike for any number of capsules, classes and pixels; published is that of the papers.",
        choices=("scaled", "published"),
        value_before_added="published",
    )
    routing_iterations: int = _option(3, "Iterations of dynamic routing.", minimum=1)
    stop_gradient: bool = _option(
        False, "Let gradients pass through the last routing iteration only."
    )
    routing_memory_mib: float | None = _option(
        None,
        "Route in blocks that stay below this and recompute them in the backward pass.",
        unit="MiB",
        above=0,
        none="unlimited",
        decides_result=False,
    )
    weight_sharing: bool = _option(
        False, "Let all positions of an image share the transformations of a capsule type."
    )
    decoder: str = _option(
        "auto",
        "Decoder that reconstructs the image: full sees all class capsules, all but one of them "
        "zeroed; small sees that one only; auto is the paper's, none for alexcapsnet and "
        "rescapsnet and full for the others.",
        choices=("auto", "full", "small", "none"),
    )
    reconstruction_weight: float = _option(
        0.0005,
        "Weight of the reconstruction loss (squared error summed over an image's pixels).",
        minimum=0,
    )
    precision: str = _option(
        "float32",
        "Precision of convolutions and matrix products.",
        choices=("float32", "bfloat16", "float16"),
    )
    convolution: str = _option(
        "auto",
        "Form of convolutions: direct is the library's, bilinear has fewer products wherever that "
        "is possible, auto takes the faster one by a measurement when a run begins.",
        choices=("auto", "bilinear", "direct"),
        value_before_added="direct",
    )
