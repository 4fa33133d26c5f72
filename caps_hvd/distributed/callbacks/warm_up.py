"""A learning rate that grows with the number of ranks, after a warm-up."""

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError

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
    _check(scale, warmup_epochs)
    factor = {"linear": float(size), "sqrt": size**0.5, "none": 1.0}[scale]
    ramp_steps = warmup_epochs * steps_per_epoch
    progress = min(1.0, step / ramp_steps) if ramp_steps else 1.0
    return base * (1.0 + (factor - 1.0) * progress)


class WarmUpLearningRate(keras.callbacks.Callback):
    """Set the learning rate before every step of the warm-up, see `warm_up_learning_rate`.

    After the warm-up the rate is left alone, so that others (ReduceLROnPlateau) may lower it; a
    run that starts later than that (`initial_epoch`) has the full rate set once, at its first step.

    Args:
        base: Learning rate for one rank.
        communicator: From `comm.init()`.
        scale: "linear", "sqrt" or "none".
        warmup_epochs: Length of the ramp in epochs, >= 0; default 5.
        steps_per_epoch: Default: what `fit` says.

    Raises:
        ConfigError: bad arguments; at the begin of training also if `fit` does not know the steps
            per epoch, or the optimizer's rate is a schedule.
    """

    def __init__(
        self,
        base: float,
        communicator: Communicator,
        *,
        scale: str = "linear",
        warmup_epochs: float = 5.0,
        steps_per_epoch: int | None = None,
    ):
        super().__init__()
        _check(scale, warmup_epochs)
        self.base = base
        self.communicator = communicator
        self.scale = scale
        self.warmup_epochs = warmup_epochs
        self.steps_per_epoch = steps_per_epoch
        self._epoch = 0
        self._full = False

    def on_train_begin(self, logs=None):
        self._full = False
        self.steps_per_epoch = self.steps_per_epoch or self.params.get("steps")
        if not self.steps_per_epoch:
            raise ConfigError(
                "steps_per_epoch: expected a number, because fit() does not know it for this "
                "data, got None; give it to WarmUpLearningRate"
            )
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if not isinstance(inner._learning_rate, keras.Variable):
            raise ConfigError(
                "learning_rate: expected a number for a warm-up, got a schedule; leave out "
                "WarmUpLearningRate or give the optimizer a number"
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._full:
            return
        step = self._epoch * self.steps_per_epoch + batch
        self.model.optimizer.learning_rate = warm_up_learning_rate(
            step,
            base=self.base,
            size=self.communicator.size,
            steps_per_epoch=self.steps_per_epoch,
            scale=self.scale,
            warmup_epochs=self.warmup_epochs,
        )
        self._full = step >= self.warmup_epochs * self.steps_per_epoch


def _check(scale, warmup_epochs):
    if scale not in SCALES:
        raise ConfigError(f"scale: expected one of {', '.join(SCALES)}, got {scale!r}")
    if warmup_epochs < 0:
        raise ConfigError(f"warmup_epochs: expected 0 or more, got {warmup_epochs!r}")
