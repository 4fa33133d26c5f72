"""Options of the validation part: how large it is, and what is chosen by it."""

import dataclasses
import functools

from caps_hvd.errors import ConfigError, nearest
from caps_hvd.io.options import option

_option = functools.partial(option, group="Validation")

# What a run can be chosen by -> whether more of it is better.
MONITORS = {
    "val_loss": False,
    "val_accuracy": True,
    "val_balanced_accuracy": True,
    "val_score_loss": False,
    "val_reconstruction_loss": False,
}


def parse_monitor(text: str) -> str:
    """A value that is computed on the validation part: `val_loss`."""
    if text in MONITORS:
        return text
    why = ""
    if text.startswith("test_"):
        why = (
            ": the test part is looked at once, at the end, and an epoch that it had chosen would "
            "look better than it is"
        )
    raise ConfigError(
        f"expected one of {', '.join(MONITORS)}, received {text!r}{why or nearest(text, MONITORS)}"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationOptions:
    """The part of a `TrainConfig` that says by which images an epoch is chosen, and how."""

    validation_fraction: float = _option(
        0.0,
        "Share of each class of the training images that is held out for validation, by the seed, "
        "where the data set has no validation part of its own; 0 for no validation.",
        minimum=0,
        maximum=0.9,
        value_before_added=0.0,
    )
    monitor: str = _option(
        "val_loss",
        "What the best epoch is chosen by: val_loss, val_accuracy, val_balanced_accuracy, "
        "val_score_loss or val_reconstruction_loss.",
        parse=parse_monitor,
        value_before_added="val_loss",
    )
    patience: int | None = _option(
        None,
        "Epochs without a better --monitor after which training stops early.",
        unit="epochs",
        minimum=1,
        none="none",
        value_before_added=None,
    )
    min_delta: float = _option(
        0.0,
        "What --monitor must be better by to count as better.",
        minimum=0,
        value_before_added=0.0,
    )


def check(config) -> None:
    """Refuses what chooses by a validation part that there is not.

    Args:
        config: a `TrainConfig`.

    Raises:
        ConfigError: there is none, or it is never looked at.
    """
    if not config.validation_fraction:
        for name in ("monitor", "patience", "min_delta"):
            if (value := getattr(config, name)) != getattr(ValidationOptions, name):
                raise ConfigError(
                    f"{name}: expected a validation part to choose by, received {value!r} and "
                    "none; add --validation-fraction 0.1, since the test part must not choose"
                )
    if config.patience is not None and not config.evaluate_every:
        raise ConfigError(
            f"patience: expected epochs that are evaluated, received {config.patience} with "
            "evaluate_every 0; take --evaluate-every 1"
        )
