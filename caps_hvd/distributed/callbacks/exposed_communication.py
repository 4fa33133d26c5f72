"""A measurement of the communication that a training step does not hide behind its compute."""

import statistics
import time
from typing import Any

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.devices import wait_for_gpus
from caps_hvd.distributed.gradients.optimizer import Distributed
from caps_hvd.distributed.traffic import no_sync
from caps_hvd.distributed.training_state import training_state

# Rounds of calibration: enough for about this time, within these bounds.
_CALIBRATION_SECONDS = 1.5
_CALIBRATION_ROUNDS = (3, 15)


class ExposedCommunicationProbe:
    """The share of a model's training step that is exposed communication.

    Steps with and without collectives take turns on all ranks at once. Exposed communication is the
    difference of the medians as a share of the full step, so waiting for a slower rank is part of
    it, and communication that ran beside the backward pass is not.

    Args:
        communicator: From `comm.init()`.

    Attributes:
        share: Of the last measurement, 0 .. 1; 0 before any.
    """

    def __init__(self, communicator: Communicator):
        self.communicator = communicator
        self.share = 0.0
        self._alone = None

    def reduces(self, model: keras.Model) -> bool:
        """Whether a model's step has anything to do with other ranks."""
        if self.communicator.size == 1:
            return False
        return any(isinstance(each, Distributed) for each in training_state(model).optimizers)

    def trace(self, model: keras.Model, spec: Any):
        """Returns the model's step without collectives, traced once.

        Args:
            model: The model, the same one in each call.
            spec: The nested `tf.TypeSpec` of its batches.
        """
        self._alone = self._alone or _step_without_collectives(model, spec)
        return self._alone

    def measure(self, step, data: Any) -> dict:
        """Times steps on one batch, which change the model: see `StepState`. All ranks call it.

        Args:
            step: The model's step, from `one_batch_step`; `trace` has been called for the other.
            data: A batch.

        Returns:
            Median seconds of this rank's step, `step_seconds`, and of that without collectives,
            `step_without_reduction_seconds`, and `rounds`.
        """
        alone = self._alone
        alone(data)
        forms = {"step_seconds": step, "step_without_reduction_seconds": alone}
        seconds = {name: [] for name in forms}
        once = float(self.communicator.allreduce(_time(alone, data), "max"))
        fewest, most = _CALIBRATION_ROUNDS
        rounds = int(min(most, max(fewest, _CALIBRATION_SECONDS / (2 * once))))
        for _ in range(rounds):
            for name, form in forms.items():
                self.communicator.barrier()
                seconds[name].append(_time(form, data))
        full, without = (statistics.median(times) for times in seconds.values())
        self.share = max(0.0, 1.0 - without / full)
        return {
            "step_seconds": full,
            "step_without_reduction_seconds": without,
            "rounds": rounds,
        }


def one_batch_step(model: keras.Model, keras_function, spec: Any):
    """Returns Keras's train function for one batch, traced once for all sizes that fit `spec`."""
    if model.run_eagerly:
        return lambda data: keras_function([data])
    import tensorflow as tf

    return tf.function(lambda data: keras_function([data]), input_signature=[spec], autograph=False)


def _step_without_collectives(model, spec):
    before = model.train_function
    with no_sync():
        model.make_train_function(force=True)
        step = one_batch_step(model, model.train_function, spec)
        model.train_function = before
        step.get_concrete_function()  # traced here, inside the context
    return step


def _time(step, data) -> float:
    start = time.perf_counter()
    step(data)
    wait_for_gpus()
    return time.perf_counter() - start
