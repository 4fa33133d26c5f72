"""A callback that times epochs: compute, exposed communication, input, and the rest."""

import time

import keras

from caps_hvd.distributed.callbacks.exposed_communication import (
    ExposedCommunicationProbe,
    one_batch_step,
)
from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.devices import has_gpu, wait_for_gpus
from caps_hvd.distributed.step_state import StepState, lasting_operation
from caps_hvd.system.compilation import CompilationClock


class EpochTimer(keras.callbacks.Callback):
    """The time of each epoch, divided into what it was spent on.

    Per epoch, into `logs` and `epochs`, the slowest rank's

    - `seconds`: wall time of the training steps, from the begin of the epoch to the end of its
      last step. Validation, and callbacks at the end of an epoch, are not in it;
    - `input_seconds`: waiting for the next batch;
    - `compute_seconds`, `exposed_communication_seconds`: the time of the steps themselves, split
      as the calibration says;
    - `other_seconds`: the rest, Keras's loop and callbacks between steps (0 on a GPU, where steps
      run on behind it);

    over all ranks `images` and `images_per_second`, and `bytes_per_step`, what the rank that
    communicates most handed to collectives in a step, counted by `communicator.traffic`: callbacks
    that communicate when an epoch ends come after this one. `startup_seconds`, in no other figure,
    is what came once, before the first step: tracing, optimising the graph and the calibration.

    Calibration: an `ExposedCommunicationProbe` measures steps before the first one of each `fit`.
    Every variable that a step touches, whoever owns it, is put back afterwards.

    A model may be fitted several times with one timer, such as once for each batch size; its step
    is traced once.

    Where a step has state that cannot be put back (a Python function, a table that it writes) it is
    not measured, which is said, and all of a step counts as compute; what its first run takes
    longer than the others is start-up.

    On the TensorFlow backend steps are called one batch at a time, so that the wait for a batch can
    be seen; that costs nothing measurable. On other backends only `seconds`, `images`,
    `images_per_second` and, as JAX compiles while it runs, `startup_seconds` are known.

    Args:
        communicator: From `comm.init()`.
        images_per_epoch: Number of images of one epoch over all ranks, where batches are padded.
            Defaults to the rows of all batches.
        calibrate: False saves the time of the calibration; all of a step then counts as compute.

    Attributes:
        epochs: One dict per epoch of the last `fit`, as above, and its number `epoch` from 0.
        calibration: Median seconds of this rank's step, `step_seconds`, and of that without
            reduction, `step_without_reduction_seconds`, and `rounds`; empty without calibration.
    """

    def __init__(
        self,
        communicator: Communicator,
        *,
        images_per_epoch: int | None = None,
        calibrate: bool = True,
    ):
        super().__init__()
        self.communicator = communicator
        self.images_per_epoch = images_per_epoch
        self.calibrate = calibrate
        self.epochs: list[dict] = []
        self.calibration: dict = {}
        self._timed = False
        self._compilation = CompilationClock()
        self._probe = ExposedCommunicationProbe(communicator)
        self._keras_function = self._step = None

    def on_train_begin(self, logs=None):
        if self.communicator.size > 1:
            self.communicator.meet("the begin of training (EpochTimer)")
        self.epochs, self.calibration = [], {}
        self._startup = 0.0
        self._started = False
        self._lasting: str | None = None
        self._timed = keras.backend.backend() == "tensorflow"
        if self._timed:
            self._asynchronous = has_gpu()
            if self.model.train_function is not self._keras_function:  # another model or compile
                self._keras_function = self.model.train_function
                self._step = None
                self._probe = ExposedCommunicationProbe(self.communicator)
            self.model.train_function = self._train_function

    def on_train_end(self, logs=None):
        if self._timed:
            self.model.train_function = self._keras_function
        self._timed = False

    def on_epoch_begin(self, epoch, logs=None):
        self._input = self._steps = self._first_step = self._startup = 0.0
        self._compilation.reset()
        self._rows = self._count = self._sent = 0
        self._end = None
        self._finished = False
        self._begin = time.perf_counter()

    def on_test_begin(self, logs=None):
        self._finish_epoch()

    def on_epoch_end(self, epoch, logs=None):
        self._finish_epoch()
        record = {"epoch": epoch, **self._slowest_rank()}
        self.epochs.append(record)
        if logs is not None:
            logs.update({key: value for key, value in record.items() if key != "epoch"})

    def _train_function(self, iterator):
        """`model.train_function` in steps of one batch, each part timed."""
        outputs = None
        for _ in range(self.model.steps_per_execution):
            start = time.perf_counter()
            try:
                data = next(iterator)
            except StopIteration:
                if outputs is None:
                    raise
                break
            finally:
                self._input += time.perf_counter() - start
            if not self._started:
                self._start_up(iterator, data)
                self._started = True
            if self._count == 0:
                self._sent = self.communicator.traffic.bytes
            self._count += 1
            start = time.perf_counter()
            outputs = self._step(data)
            self._end = time.perf_counter()
            self._steps += self._end - start
            if self._count == 1:
                self._first_step = self._end - start
            self._rows += _rows(data)
        return outputs

    def _start_up(self, iterator, data):
        """Traces the step, and calibrates, without leaving anything changed."""
        spec = iterator.element_spec
        self._step = self._step or one_batch_step(self.model, self._keras_function, spec)
        if self.model.run_eagerly:  # for debugging: nothing to trace, and nothing to measure
            return
        start = time.perf_counter()
        steps = [self._step.get_concrete_function()]  # creates what variables are still missing
        calibrate = self.calibrate and self._probe.reduces(self.model)
        if calibrate:
            steps.append(self._probe.trace(self.model, spec).get_concrete_function())
        lasting = lasting_operation(steps)
        if calibrate:
            every = self.communicator.meet("the first step (EpochTimer)", lasting)
            lasting = next((each for each in every if each is not None), None)
        self._lasting = lasting
        if lasting is None:
            state = StepState(steps, without=self.communicator.traffic.variables)
            self._step(data)
            if calibrate:
                self.calibration = self._probe.measure(self._step, data)
            state.restore()
        elif calibrate:
            self.communicator.print(
                f"EpochTimer: communication is not measured, and counts as compute: a step has an "
                f"operation ({lasting}) whose state cannot be put back"
            )
        self._startup = time.perf_counter() - start

    def _finish_epoch(self):
        """Stops the clock: at the end of the last step, wherever the first look at it is from."""
        if self._finished:
            return
        self._finished = True
        if self._count:
            self._sent = self.communicator.traffic.bytes - self._sent
        if not self._timed:
            self._end = time.perf_counter()
            self._startup = self._compilation.seconds(self._begin, self._end)
        elif self._asynchronous:
            wait_for_gpus()
            self._end = time.perf_counter()
        if self._lasting and self._startup and self._count > 1:  # the first step was not run before
            others = (self._steps - self._first_step) / (self._count - 1)
            longer = max(0.0, self._first_step - others)
            self._steps -= longer
            self._startup += longer
        self._seconds = max(0.0, (self._end or self._begin) - self._begin - self._startup)

    def _slowest_rank(self):
        own = {"seconds": self._seconds, "startup_seconds": self._startup}
        if self._timed:
            steps = self._seconds - self._input if self._asynchronous else self._steps
            exposed = steps * self._probe.share
            own["compute_seconds"] = steps - exposed
            own["exposed_communication_seconds"] = exposed
            own["input_seconds"] = self._input
            own["other_seconds"] = max(0.0, self._seconds - steps - self._input)
            own["bytes_per_step"] = round(self._sent / max(1, self._count))
        every = self.communicator.meet("the end of an epoch (EpochTimer)", (own, self._rows))
        slowest = max((seconds for seconds, _ in every), key=lambda one: one["seconds"])
        if self._timed:
            slowest["bytes_per_step"] = max(one["bytes_per_step"] for one, _ in every)
        images = self.images_per_epoch or sum(rows for _, rows in every)
        if images:
            slowest["images"] = images
            slowest["images_per_second"] = images / max(slowest["seconds"], 1e-9)
        return slowest


def _rows(data):
    for leaf in keras.tree.flatten(data):
        if getattr(leaf, "shape", None):
            return int(leaf.shape[0])
    return 0
