"""A training step to be timed, on its own and with its collectives; for `calibrate`."""

import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np

from caps_hvd.errors import ConfigError
from caps_hvd.scaling.machine_profile import AllReduceTime, Group
from caps_hvd.training.build import build_augment, build_model, build_optimizer, load_dataset

_WARM_UP = 2
_EVALUATED_BATCHES = 5
_REDUCTION_SHARES = (1 / 8, 1 / 2, 1)
_REDUCTION_ROUNDS = 12


class StepBench:
    """A compiled model and its data, to be timed."""

    def __init__(self, config, communicator):
        import keras

        from caps_hvd.distributed.gradients.optimizer import distribute
        from caps_hvd.models import compile_arguments

        self.config, self.communicator = config, communicator
        with communicator.raise_on_all_ranks():
            self.dataset = load_dataset(config)
        keras.utils.set_random_seed(config.seed)
        self.model = build_model(config, self.dataset.image_shape, self.dataset.classes)
        optimizer = distribute(build_optimizer(config), communicator)
        self.stamped = _stamping(communicator, config.compression)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        optimizer.reduction = self.stamped
        inner.reduction = self.stamped
        self.model.compile(
            optimizer,
            **compile_arguments(self.model, config.reconstruction_weight),
            jit_compile=False,
            auto_scale_loss=False,
        )
        optimizer.build(self.model.trainable_variables)
        self.model.make_train_function()
        self.stamps: list[list[float]] = []
        self._ready: dict[int, Callable] = {}

    def step_times(self, batch_size: int, count: int, warm_up: int = _WARM_UP) -> list[float]:
        """Seconds of steps without communication; `stamps` has the shares of each."""
        step = self._step(batch_size)
        seconds = []
        for number in range(-warm_up, count):
            begin = time.time()
            step()
            end = time.time()
            if number >= 0:
                seconds.append(end - begin)
                ready = self.stamped.times.numpy()
                self.stamps.append(list((ready - begin) / (end - begin)))
        return seconds

    def groups(self) -> list[Group]:
        """Sizes of the groups and the median share of a step at which each is ready."""
        shares = np.clip(np.median(np.asarray(self.stamps), axis=0), 0, 1)
        return [
            Group(gradient_bytes=size, ready_share=float(share))
            for size, share in zip(self.stamped.group_bytes, shares, strict=True)
        ]

    def forward_seconds_per_image(self) -> float:
        """Of an evaluation, as a training run does it."""
        from caps_hvd.training.evaluate import evaluate

        size = self.config.batch_size
        part = dataclasses.replace(self.config, test_samples=_EVALUATED_BATCHES * size)
        with self.communicator.raise_on_all_ranks():
            split = load_dataset(part).test

        def once():
            evaluate(self.model, split, size, self.communicator)

        once()
        return statistics.median(time_of(once) for _ in range(3)) / len(split)

    def input_seconds_per_image(self) -> float:
        """Of making a batch, in the thread that does nothing else."""
        batches = self._batches(self.config.batch_size)
        count = min(20, len(batches))
        batches.batch(0, 0)
        times = [time_of(lambda step=step: batches.batch(0, step)) for step in range(count)]
        return statistics.median(times) / self.config.batch_size

    def allreduces(self) -> list[AllReduceTime]:
        """Times of tensors shaped like the gradients, by size."""
        from caps_hvd.distributed.gradients.reduction import GradientReduction

        compression = "fp16" if self.config.compression == "fp16" else "none"
        found = []
        for share in _REDUCTION_SHARES:
            reduction = GradientReduction(self.communicator, compression=compression)
            once = _reducing(reduction, self.model.trainable_variables, share)
            times = []
            for number in range(-_WARM_UP, _REDUCTION_ROUNDS):
                self.communicator.barrier()
                slowest = float(self.communicator.allreduce(time_of(once), "max"))
                if number >= 0:
                    times.append(slowest)
            found.append(
                AllReduceTime(
                    ranks=self.communicator.size,
                    message_bytes=reduction.bytes_per_reduction,
                    seconds=statistics.median(times),
                )
            )
        return found

    def _batches(self, batch_size):
        from caps_hvd.data.batches import Batches

        return Batches(
            self.dataset.train,
            batch_size,
            0,
            1,
            self.config.seed,
            augment=build_augment(self.config, self.dataset.image_shape),
            reconstruct=self.model.decoder is not None,
        )

    def _step(self, batch_size):
        """The training step on one held batch."""
        if batch_size not in self._ready:
            import tensorflow as tf

            if batch_size > len(self.dataset.train):
                raise ConfigError(
                    f"batch_size: expected at most the {len(self.dataset.train)} images of "
                    f"{self.config.dataset}, received {batch_size}"
                )
            batch = self._batches(batch_size).batch(0, 0)
            data = tf.nest.map_structure(tf.constant, batch)
            function = self.model.train_function
            self._ready[batch_size] = lambda: function([data])["loss"].numpy()
        return self._ready[batch_size]


def _stamping(communicator, compression):
    """A reduction that lets gradients pass and writes down when each group was there."""
    import tensorflow as tf

    from caps_hvd.distributed.gradients.reduction import GradientReduction, plan_buckets

    class Stamping(GradientReduction):
        def __init__(self):
            super().__init__(communicator)
            self.group_bytes: list[int] = []
            self.times = tf.Variable(tf.zeros([0], tf.float64), shape=[None], trainable=False)

        def __call__(self, gradients):
            gradients = list(gradients)
            sizes = {
                i: gradient.shape.num_elements() * (2 if compression == "fp16" else 4)
                for i, gradient in enumerate(gradients)
                if gradient is not None
            }
            order = [(i, gradients[i].dtype, sizes[i]) for i in reversed(sizes)]
            groups = plan_buckets(order, self.group_mib * 2**20)
            self.group_bytes = [sum(sizes[i] for i in group) for group in groups]
            stamps = []
            for group in groups:
                with tf.control_dependencies([gradients[i] for i in group]):
                    stamps.append(tf.timestamp())
            self.times.assign(tf.stack(stamps))
            return gradients

    return Stamping()


def _reducing(reduction, variables, share):
    """One reduction of tensors like the variables', each cut to a share of its size."""
    import tensorflow as tf

    zeros = [tf.zeros([max(1, int(share * np.prod(v.shape)))]) for v in variables]

    @tf.function(autograph=False)
    def reduce(tensors):
        return tf.add_n([tf.reduce_max(tensor) for tensor in reduction(tensors)])

    return lambda: reduce(zeros).numpy()


def time_of(call) -> float:
    """Wall-clock time of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
