"""Options of the optimization: epochs, batch size, optimizer, learning rate and seed."""

import dataclasses
import functools

from caps_hvd.io.options import option
from caps_hvd.schedules import SCALES

_option = functools.partial(option, group="Training")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizationOptions:
    """The part of a `TrainConfig` that says how weights are found."""

    epochs: int = _option(10, "Times to go through the data.", minimum=1, decides_result=False)
    batch_size: int = _option(
        100, "Images per step on each rank.", unit="images per rank", minimum=1
    )
    optimizer: str = _option(
        "adam",
        "Optimizer, with Keras' defaults for all but the learning rate.",
        choices=("adam", "adamw", "nadam", "rmsprop", "sgd"),
    )
    learning_rate: float = _option(0.001, "Learning rate of one rank, before scaling.", above=0)
    scale_learning_rate: str = _option(
        "linear", "How the learning rate grows with the number of ranks.", choices=SCALES
    )
    warmup_epochs: float = _option(
        5.0,
        "Epochs over which the learning rate climbs to its scaled value.",
        unit="epochs",
        minimum=0,
    )
    class_weights: str = _option(
        "none",
        "Weights of the images in the loss: balanced lets all classes count alike, however many "
        "images they have.",
        choices=("none", "balanced"),
        value_before_added="none",
    )
    seed: int = _option(
        0,
        "Seed of initial weights, order of samples and augmentation.",
        minimum=0,
        maximum=2**32 - 1,
    )
    evaluate_every: int = _option(
        1,
        "Epochs from one evaluation on the test set to the next; 0 evaluates at the end only.",
        unit="epochs",
        minimum=0,
        decides_result=False,
    )
    stop_when_stuck: bool = _option(
        False,
        "End the run once two evaluations in a row have found its class capsules saturated or "
        "dead, so that it cannot learn any more.",
        decides_result=False,
    )
