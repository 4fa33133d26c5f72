"""Measures on one machine what the scale model needs; `caps-hvd calibrate`.

Alone: seconds of a step by batch size and their spread, when in a step which gradients are there,
seconds of evaluation and input.  As several ranks on this machine: steps that run at once.  With
two ranks, wherever they are, the all-reduce over TCP.
"""

import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from caps_hvd.config import TrainConfig
from caps_hvd.distributed import comm
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.experiment import build_augment, build_model, build_optimizer, load_dataset
from caps_hvd.machine import cpu_model, read
from caps_hvd.scaling import calibration as calibrations
from caps_hvd.scaling.calibration import AllReduceTime, Calibration, Group, StepTime
from caps_hvd.startup import keras_backend, start_keras

_WARM_UP = 2
_EVALUATED_BATCHES = 5
_REDUCTION_SHARES = (1 / 8, 1 / 2, 1)
_REDUCTION_ROUNDS = 12
_ADDED_BYTES = 32 << 20

# Two ranks of one machine would reduce in its memory: what is wanted is the work of TCP.
_OVER_TCP = {"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "tcp,self"}


def calibrate(
    config: TrainConfig,
    output,
    *,
    batch_sizes: Sequence[int] | None = None,
    samples: int = 20,
    command_line: Sequence[str] = ("caps-hvd", "calibrate"),
) -> Calibration:
    """Measures, and writes the calibration or adds to it.

    Args:
        config: what to train; its data set, model, batch size and threads.
        output: path of the JSON file.
        batch_sizes: to time steps at; a fifth of the batch size and itself by default.
        samples: steps that their spread is taken from, 5 or more.
        command_line: for the file.

    Raises:
        ConfigError: another backend than TensorFlow, or more than two ranks on several machines.
        RunError: the file is of another machine or model, holds no rank alone yet, or cannot be
            written.
    """
    if keras_backend() != "tensorflow":
        raise ConfigError(
            f"KERAS_BACKEND: expected tensorflow to calibrate, received {keras_backend()}"
        )
    sizes = sorted({*(batch_sizes or (max(1, config.batch_size // 5),)), config.batch_size})
    if comm.launched_size() > 1:
        if os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE") == str(comm.launched_size()):
            for name, value in _OVER_TCP.items():
                os.environ.setdefault(name, value)
        start_keras()
    communicator = comm.init()
    if communicator.size == 1:
        earlier = _earlier(output, communicator)  # a mistake costs no wait for TensorFlow
        start_keras()
    from caps_hvd.distributed import use_threads

    threads = use_threads(communicator, config.threads)
    if communicator.size > 1:
        earlier = _earlier(output, communicator)
    bench = _Bench(config, communicator)
    cores = len({core for peer in communicator.local_peers or () for core in peer.cores})
    about = {
        "created_utc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "command_line": list(command_line),
        "cpu_model": cpu_model(read("/proc/cpuinfo")),
        "cores": cores or len(os.sched_getaffinity(0)),
        "threads": threads,
        "model": f"{config.model} {bench.model.preset}",
        "precision": config.precision,
        "parameters": bench.model.count_params(),
    }
    if communicator.size == 1:
        found = Calibration(**about, **_alone(bench, sizes, samples))
    else:
        found = dataclasses.replace(earlier, **about, **_at_once(bench, sizes, samples))
    whole = calibrations.merge(earlier, found) if earlier else found
    with communicator.together():
        if communicator.rank == 0:
            calibrations.write(output, whole)
            print(f"{_summary(whole)}; {output}", flush=True)
    return whole


def _earlier(output, communicator) -> Calibration | None:
    """What the file holds already; several ranks add to what one has measured."""
    if communicator.size > 2 and len(communicator.hosts) > 1:
        raise ConfigError(
            f"calibrate: expected all ranks on one machine, or two, received {communicator.size} "
            f"on {len(communicator.hosts)} machines"
        )
    found = None
    with communicator.together():
        if communicator.rank == 0:
            if Path(output).exists():
                found = calibrations.read(output)
            elif communicator.size > 1:
                raise RunError(
                    f"{output}: expected the calibration of one rank, found no file; run "
                    "`caps-hvd calibrate` without a launcher first"
                )
    return communicator.broadcast_object(found)


def _alone(bench, sizes, samples) -> dict:
    times = {size: bench.step_times(size, max(5, samples // 2)) for size in sizes[:-1]}
    bench.stamps.clear()
    times[sizes[-1]] = bench.step_times(sizes[-1], samples)
    main = times[bench.config.batch_size]
    if bench.config.batch_size != sizes[-1]:
        bench.stamps.clear()
        main = bench.step_times(bench.config.batch_size, samples)
    return {
        "backend": "none",
        "steps": [
            StepTime(batch_size=size, ranks=1, seconds=statistics.median(each))
            for size, each in times.items()
        ],
        "step_samples": main,
        "groups": bench.groups(),
        "forward_seconds_per_image": bench.forward_seconds_per_image(),
        "input_seconds_per_image": bench.input_seconds_per_image(),
        "add_seconds_per_byte": _add_seconds_per_byte(),
        "allreduces": [],
    }


def _at_once(bench, sizes, samples) -> dict:
    communicator = bench.communicator
    steps = []
    for size in sizes if len(communicator.hosts) == 1 else ():
        bench.step_times(size, 0)  # traces, which takes the ranks differently long
        communicator.barrier()
        own = statistics.fmean(bench.step_times(size, max(5, samples // 2), warm_up=1))
        seconds = float(communicator.allreduce(own, "average"))
        steps.append(StepTime(batch_size=size, ranks=communicator.size, seconds=seconds))
    return {
        "backend": communicator.backend,
        "steps": steps,
        "allreduces": bench.allreduces() if communicator.size == 2 else [],
    }


class _Bench:
    """A compiled model and its data, to be timed."""

    def __init__(self, config, communicator):
        import keras

        from caps_hvd.distributed.optimizer import distribute
        from caps_hvd.models import compile_arguments

        self.config, self.communicator = config, communicator
        with communicator.together():
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
        from caps_hvd.evaluate import evaluate

        size = self.config.batch_size
        part = dataclasses.replace(self.config, test_samples=_EVALUATED_BATCHES * size)
        with self.communicator.together():
            split = load_dataset(part).test

        def once():
            evaluate(self.model, split, size, self.communicator)

        once()
        return statistics.median(_seconds(once) for _ in range(3)) / len(split)

    def input_seconds_per_image(self) -> float:
        """Of making a batch, in the thread that does nothing else."""
        batches = self._batches(self.config.batch_size)
        count = min(20, len(batches))
        batches.batch(0, 0)
        times = [_seconds(lambda step=step: batches.batch(0, step)) for step in range(count)]
        return statistics.median(times) / self.config.batch_size

    def allreduces(self) -> list[AllReduceTime]:
        """Times of tensors shaped like the gradients, by size."""
        from caps_hvd.distributed.reduction import GradientReduction

        compression = "fp16" if self.config.compression == "fp16" else "none"
        found = []
        for share in _REDUCTION_SHARES:
            reduction = GradientReduction(self.communicator, compression=compression)
            once = _reducing(reduction, self.model.trainable_variables, share)
            times = []
            for number in range(-_WARM_UP, _REDUCTION_ROUNDS):
                self.communicator.barrier()
                slowest = float(self.communicator.allreduce(_seconds(once), "max"))
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
            reconstruct=self.config.decoder,
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

    from caps_hvd.distributed.reduction import GradientReduction, plan_groups

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
            groups = plan_groups(order, self.group_mib * 2**20)
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


def _add_seconds_per_byte() -> float:
    sums = np.zeros(_ADDED_BYTES // 4, np.float32)
    more = np.ones_like(sums)
    return min(_seconds(lambda: np.add(sums, more, out=sums)) for _ in range(7)) / _ADDED_BYTES


def _seconds(call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _summary(whole) -> str:
    steps = ", ".join(
        f"{step.batch_size} images on {step.ranks} at once {1000 * step.seconds:.0f} ms"
        for step in whole.steps
    )
    reductions = ", ".join(
        f"{each.message_bytes / 1e6:.1f} MB {1000 * each.seconds:.0f} ms"
        for each in whole.allreduces
    )
    return f"steps: {steps}" + (f"; all-reduce: {reductions}" if reductions else "")
