"""The warm-up: a learning rate that climbs from that of one rank to that of all; stateless."""

from collections.abc import Callable

from caps_hvd.errors import ConfigError, check_choice
from caps_hvd.schedules.learning_rate import linear_warm_up
from caps_hvd.schedules.policies import Schedule

SCALES = ("linear", "sqrt", "none")


def warm_up_learning_rate(
    step: int,
    *,
    base: float,
    size: int,
    steps_per_epoch: int,
    scale: str = "linear",
    warmup_epochs: float = 5.0,
) -> float:
    """Learning rate of one step: a ramp from `base` to `base * factor`, then flat.

        rate(step) = base * (1 + (factor - 1) * min(1, step / (warmup_epochs * steps_per_epoch)))

    with factor = size ("linear"), sqrt(size) ("sqrt") or 1 ("none").  Goyal et al. 2017,
    arXiv:1706.02677, section 2.

    Args:
        step: Steps taken since the start of training, over all epochs; >= 0.
        base: Rate for one rank.
        size: Number of ranks.
        steps_per_epoch: Steps of one epoch on one rank.
        scale: How the rate follows the number of ranks.
        warmup_epochs: Length of the ramp in epochs; 0 starts at the full rate.

    Raises:
        ConfigError: `scale` is unknown or `warmup_epochs` negative.

    Example:
        >>> warm_up_learning_rate(50, base=0.1, size=4, steps_per_epoch=20)
        0.25
    """
    check_warm_up(scale, warmup_epochs)
    factor = {"linear": float(size), "sqrt": size**0.5, "none": 1.0}[scale]
    return base * (1.0 + (factor - 1.0) * linear_warm_up(step, warmup_epochs * steps_per_epoch))


def scaled_learning_rate(
    schedule: Schedule, ranks: int, scale: str, warmup_epochs: float
) -> Callable[[int], float]:
    """The learning rate of a run on several ranks, as a function of the step.

    Where each rank brings a batch of its own, the policy's rate grows with their number over the
    warm-up. Where a policy chooses the global batch, the ranks only share it, and the rate stays.

    Args:
        schedule: of the run.
        ranks: that share no batch with another one.
        scale, warmup_epochs: as of `warm_up_learning_rate`.
    """
    if not schedule.follows_ranks:
        return schedule.learning_rate
    return lambda step: warm_up_learning_rate(
        step,
        base=schedule.learning_rate(step),
        size=ranks,
        steps_per_epoch=schedule.calendar.steps[0],
        scale=scale,
        warmup_epochs=warmup_epochs,
    )


def check_warm_up(scale: str, warmup_epochs: float) -> None:
    """Raises a `ConfigError` where these cannot be a warm-up."""
    check_choice("scale", scale, SCALES)
    if warmup_epochs < 0:
        raise ConfigError(f"warmup_epochs: expected 0 or more, received {warmup_epochs!r}")
