"""Where the time of an epoch goes: compute, communication that was not hidden, input."""

import statistics
import time

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.gradients.optimizer import Distributed
from caps_hvd.distributed.traffic import no_sync

# Rounds of calibration: enough for about this time, within these bounds.
_CALIBRATION_SECONDS = 1.5
_CALIBRATION_ROUNDS = (3, 15)


class EpochTimer(keras.callbacks.Callback):
    """Time each epoch and say what the time was spent on.

    Per epoch, into `logs` and `epochs`, the slowest rank's

    - `seconds`: wall time of the training steps, from the begin of the epoch to the end of its
      last step.  Validation, and callbacks at the end of an epoch, are not in it;
    - `input_seconds`: waiting for the next batch;
    - `compute_seconds`, `exposed_communication_seconds`: the time of the steps themselves, split
      as the calibration says;
    - `other_seconds`: the rest, Keras's loop and callbacks between steps (0 on a GPU, where steps
      run on behind it);

    over all ranks `images` and `images_per_second`, and `bytes_per_step`, what the rank that
    communicates most handed to collectives in a step, counted by `communicator.traffic`: callbacks
    that communicate when an epoch ends come after this one.  `startup_seconds`, in no other figure,
    is what came once, before the first step: tracing, optimising the graph and the calibration.

    Calibration: before the first step of each `fit`, on its batch, steps with and without reduction
    take turns on all ranks at once.  Exposed communication is the difference of the medians as a
    share of the full step, so waiting for a slower rank is part of it, and communication that ran
    beside the backward pass is not.  Weights, optimizer, metrics and seeds are put back afterwards.

    A model may be fitted several times with one timer, such as once for each batch size; its step
    is traced once.

    On the TensorFlow backend steps are called one batch at a time, so that the wait for a batch can
    be seen; that costs nothing measurable.  On other backends only `seconds`, `images` and
    `images_per_second` are known, and start-up is part of the first epoch.

    Args:
        communicator: From `comm.init()`.
        images_per_epoch: Number of images of one epoch over all ranks, where batches are padded.
            Default: the rows of all batches.
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
        self._keras_function = self._step = self._step_alone = None

    def on_train_begin(self, logs=None):
        self.epochs, self.calibration = [], {}
        self._startup = 0.0
        self._started = False
        self._timed = keras.backend.backend() == "tensorflow"
        if self._timed:
            self._asynchronous = _has_gpu()
            if self.model.train_function is not self._keras_function:  # another model or compile
                self._keras_function = self.model.train_function
                self._step = self._step_alone = None
            self.model.train_function = self._train_function

    def on_train_end(self, logs=None):
        if self._timed:
            self.model.train_function = self._keras_function
        self._timed = False

    def on_epoch_begin(self, epoch, logs=None):
        self._input = self._steps = self._startup = 0.0
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
            self._rows += _rows(data)
        return outputs

    def _start_up(self, iterator, data):
        """Trace the step, and calibrate, without leaving anything changed."""
        self._step = self._step or self._one_batch(self._keras_function, iterator)
        if self.model.run_eagerly:  # for debugging: nothing to trace, and nothing to measure
            return
        start = time.perf_counter()
        self._step.get_concrete_function()  # creates what variables are still missing
        state = _State(self.model)
        self._step(data)
        reduces = self.communicator.size > 1 and isinstance(self.model.optimizer, Distributed)
        if self.calibrate and reduces:
            self._calibrate(iterator, data)
        state.restore()
        self._startup = time.perf_counter() - start

    def _calibrate(self, iterator, data):
        alone = self._step_alone = self._step_alone or self._without_reduction(iterator)
        alone(data)
        forms = {"step_seconds": self._step, "step_without_reduction_seconds": alone}
        seconds = {name: [] for name in forms}
        once = float(self.communicator.allreduce(self._time(alone, data), "max"))
        fewest, most = _CALIBRATION_ROUNDS
        rounds = int(min(most, max(fewest, _CALIBRATION_SECONDS / (2 * once))))
        for _ in range(rounds):
            for name, step in forms.items():
                self.communicator.barrier()
                seconds[name].append(self._time(step, data))
        self.calibration = {name: statistics.median(times) for name, times in seconds.items()}
        self.calibration["rounds"] = rounds

    def _without_reduction(self, iterator):
        model = self.model
        with no_sync():
            model.make_train_function(force=True)
            alone = self._one_batch(model.train_function, iterator)
            model.train_function = self._train_function
            alone.get_concrete_function()  # traced here, inside the context
        return alone

    def _one_batch(self, keras_function, iterator):
        """Keras's function for one batch, traced once for all batch sizes of this input."""
        if self.model.run_eagerly:
            return lambda data: keras_function([data])
        import tensorflow as tf

        return tf.function(
            lambda data: keras_function([data]),
            input_signature=[iterator.element_spec],
            autograph=False,
        )

    def _time(self, step, data):
        start = time.perf_counter()
        step(data)
        self._wait_for_devices()
        return time.perf_counter() - start

    def _wait_for_devices(self):
        if self._asynchronous:
            import tensorflow as tf

            tf.test.experimental.sync_devices()

    def _finish_epoch(self):
        """Stop the clock: at the end of the last step, wherever the first look at it is from."""
        if self._finished:
            return
        self._finished = True
        if self._count:
            self._sent = self.communicator.traffic.bytes - self._sent
        if not self._timed:
            self._end = time.perf_counter()
        elif self._asynchronous:
            self._wait_for_devices()
            self._end = time.perf_counter()
        self._seconds = max(0.0, (self._end or self._begin) - self._begin - self._startup)

    def _slowest_rank(self):
        own = {"seconds": self._seconds}
        if self._timed:
            steps = self._seconds - self._input if self._asynchronous else self._steps
            exposed = steps * self._exposed_share()
            own["compute_seconds"] = steps - exposed
            own["exposed_communication_seconds"] = exposed
            own["input_seconds"] = self._input
            own["other_seconds"] = max(0.0, self._seconds - steps - self._input)
            own["startup_seconds"] = self._startup
            own["bytes_per_step"] = round(self._sent / max(1, self._count))
        every = self.communicator.allgather_object((own, self._rows))
        slowest = max((seconds for seconds, _ in every), key=lambda one: one["seconds"])
        if self._timed:
            slowest["bytes_per_step"] = max(one["bytes_per_step"] for one, _ in every)
        images = self.images_per_epoch or sum(rows for _, rows in every)
        if images:
            slowest["images"] = images
            slowest["images_per_second"] = images / max(slowest["seconds"], 1e-9)
        return slowest

    def _exposed_share(self):
        if not self.calibration:
            return 0.0
        alone = self.calibration["step_without_reduction_seconds"]
        return max(0.0, 1.0 - alone / self.calibration["step_seconds"])


class _State:
    """Everything that a training step changes, kept on the host until it is put back."""

    def __init__(self, model):
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        # Layers that were given no seed draw from Keras's global generator.
        shared = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
        if shared is not None:
            variables.append(shared.state)
        self._values = {id(v): (v, v.numpy()) for v in variables}

    def restore(self):
        for variable, value in self._values.values():
            variable.assign(value)


def _rows(data):
    for leaf in keras.tree.flatten(data):
        if getattr(leaf, "shape", None):
            return int(leaf.shape[0])
    return 0


def _has_gpu():
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))
