"""Benchmarks of a training step, alone and beside its collectives, for the scale model."""

import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from caps_hvd.distributed import comm
from caps_hvd.distributed.communicator import Communicator
from caps_hvd.distributed.gradients.optimizer import distribute
from caps_hvd.distributed.gradients.reduction import GradientReduction, plan_buckets
from caps_hvd.errors import ConfigError
from caps_hvd.scaling.machine_profile import AllReduceTime, BucketProfile
from caps_hvd.training.build import build_batches, build_compiled_model, load_dataset
from caps_hvd.training.convolution_forms import agree_on_forms
from caps_hvd.training.evaluate import evaluate
from caps_hvd.training.strategies.data_parallel import DataParallelStrategy

_WARM_UP = 2
_ADDED_BYTES = 32 << 20
_EVALUATED_BATCHES = 5
_REDUCTION_SHARES = (1 / 8, 1 / 2, 1)
_REDUCTION_ROUNDS = 12


class StepBench:
    """A compiled model and its data, to be timed."""

    def __init__(self, config, communicator, dataset):
        self.config, self.communicator, self.dataset = config, communicator, dataset
        self.strategy = TimestampStrategy(comm.rank_grid(communicator, 1), config.compression)
        self.model = build_compiled_model(config, dataset, self.strategy)
        agree_on_forms(config.convolution, self.model, communicator)
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
                ready = self.strategy.reduction.times.numpy()
                self.stamps.append(list((ready - begin) / (end - begin)))
        return seconds

    def groups(self) -> list[BucketProfile]:
        """Sizes of the groups and the median share of a step at which each is ready."""
        shares = np.clip(np.median(np.asarray(self.stamps), axis=0), 0, 1)
        return [
            BucketProfile(gradient_bytes=size, ready_share=float(share))
            for size, share in zip(self.strategy.reduction.group_bytes, shares, strict=True)
        ]

    def forward_seconds_per_image(self) -> float:
        """Of an evaluation, as a training run does it."""
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

    def add_seconds_per_byte(self) -> float:
        """Of adding one array to another, as a reduction does with what it receives."""
        sums = np.zeros(_ADDED_BYTES // 4, np.float32)
        more = np.ones_like(sums)
        return min(time_of(lambda: np.add(sums, more, out=sums)) for _ in range(7)) / _ADDED_BYTES

    def allreduces(self) -> list[AllReduceTime]:
        """Times of tensors shaped like the gradients, by size."""
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
        alone = Communicator()  # a batch as a rank makes it by itself
        return build_batches(self.config, self.dataset, self.model, alone, batch_size)

    def _step(self, batch_size):
        """The training step on one held batch."""
        if batch_size not in self._ready:
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


class TimestampStrategy(DataParallelStrategy):
    """Data parallelism without reductions, for the time at which each group of gradients is there.

    Args:
        ranks: of the job.
        compression: that the bytes of a group are counted for.
    """

    def __init__(self, ranks, compression: str):
        super().__init__(ranks)
        self.reduction = TimestampReduction(ranks.world, compression)

    def distribute(self, optimizer, config, compression):
        return distribute(optimizer, self.ranks.across, reduction=self.reduction)


class TimestampReduction(GradientReduction):
    """A reduction that lets gradients pass and writes down when each group was there.

    Attributes:
        group_bytes: of each group.
        times: of each group in the last step, in seconds since 1970.
    """

    def __init__(self, communicator, compression: str):
        super().__init__(communicator)
        self.bytes_per_element = 2 if compression == "fp16" else 4
        self.group_bytes: list[int] = []
        self.times = tf.Variable(tf.zeros([0], tf.float64), shape=[None], trainable=False)

    def __call__(self, gradients):
        gradients = list(gradients)
        sizes = {
            i: gradient.shape.num_elements() * self.bytes_per_element
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


def _reducing(reduction, variables, share):
    """One reduction of tensors like the variables', each cut to a share of its size."""
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
