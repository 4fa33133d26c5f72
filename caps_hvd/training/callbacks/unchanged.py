"""A callback that notices training which changes nothing, and what is said of accumulation."""

import keras
import numpy as np

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError
from caps_hvd.schedules import Schedule


def check_accumulation(accumulate_steps: int, schedule: Schedule) -> None:
    """Refuses an accumulation that would end with the run before its first update.

    Raises:
        ConfigError: the run has fewer steps.
    """
    total = schedule.calendar.total
    if accumulate_steps > total:
        raise ConfigError(
            f"accumulate_steps: expected at most the {total} steps of the run, received "
            f"{accumulate_steps}, and no weight would ever change; use fewer, or train more epochs"
        )


def accumulation_line(accumulate_steps: int, schedule: Schedule) -> str | None:
    """Returns a line on steps that are left over by accumulation, None where there are none."""
    calendar = schedule.calendar
    if all(steps % accumulate_steps == 0 for steps in calendar.steps):
        return None
    line = (
        f"an update every {accumulate_steps} steps: an epoch's {calendar.steps[0]} steps are no "
        "multiple of it, and what is left over goes into the next epoch's first update"
    )
    if rest := calendar.total % accumulate_steps:
        left = "the last step" if rest == 1 else f"the last {rest} steps"
        line += f"; {left} of the run will change nothing"
    return line


class UnchangedWeights(keras.callbacks.Callback):
    """A comparison of the weights before and after the first epoch: says if all are the same.

    Less than the rounding of the largest weight is no change: a bias that was 0 takes on any
    number, however small. It comes after the callbacks that give all ranks one start.

    Args:
        communicator: of all ranks.
    """

    def __init__(self, communicator: Communicator):
        super().__init__()
        self.communicator = communicator
        self._before: list[np.ndarray] = []
        self._compared = False

    def on_train_begin(self, logs=None):
        if not self._compared:
            self._before, self._updates = _values(self.model), self._update_count()

    def on_epoch_end(self, epoch, logs=None):
        if self._compared:
            return
        self._compared = True
        same = unchanged(self._before, _values(self.model))
        self._before = []
        if all(self.communicator.meet("the first comparison (UnchangedWeights)", same)):
            self.communicator.print(f"no weight has changed in epoch {epoch + 1}: {self._reason()}")

    def _update_count(self) -> int:
        return int(self.model.optimizer.iterations)  # Keras counts updates, and not their steps

    def _reason(self) -> str:
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if inner.gradient_accumulation_steps and int(inner.iterations) == self._updates:
            return (
                "the first update comes after --accumulate-steps "
                f"{inner.gradient_accumulation_steps} steps"
            )
        if inner is not optimizer and int(inner.iterations) == self._updates:
            return "scaled gradients overflowed in every step; use --precision float32 or bfloat16"
        return (
            f"the learning rate, {float(optimizer.learning_rate):g} at its end, may be too small "
            "for what a weight of this precision can change by"
        )


def unchanged(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    """Returns whether no weight has changed by more than the rounding of the largest one."""
    largest = max((float(np.max(np.abs(value), initial=0)) for value in before), default=0.0)
    return all(
        float(np.max(np.abs(new - old), initial=0)) <= largest * np.finfo(old.dtype).eps / 2
        for old, new in zip(before, after, strict=True)
    )


def _values(model) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(v)) for v in model.trainable_weights]
