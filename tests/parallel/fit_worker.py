"""What `fit` lets two ranks get wrong, one case after the other, and what they then are told.

`mistakes`: each case reports the error of each rank. `alone`: EarlyStopping on rank 0 only, in a
program without BroadcastState. `uneven`: data of unknown length, one batch more on rank 1.
"""

import sys

from caps_hvd.system.backend import import_tensorflow_quietly

import_tensorflow_quietly()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from caps_hvd.distributed import (  # noqa: E402
    AverageMetrics,
    BroadcastState,
    EpochTimer,
    FiniteLoss,
    comm,
    distribute,
    run_guarded,
)
from caps_hvd.errors import CapsHvdError  # noqa: E402
from tests.parallel.launch import report  # noqa: E402

X = np.linspace(-1.0, 1.0, 24, dtype=np.float32).reshape(12, 2)
Y = X.sum(axis=1, keepdims=True)


class Stop(keras.callbacks.Callback):
    """Ends training after the first epoch, as EarlyStopping might."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def compiled(ranks, units=3, optimizer=None, metrics=(), frozen=False, **options):
    keras.utils.set_random_seed(ranks.rank)
    net = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(units, trainable=not frozen), keras.layers.Dense(1)]
    )
    optimizer = distribute(optimizer or keras.optimizers.SGD(0.1), ranks, **options)
    net.compile(optimizer, "mse", metrics=list(metrics), jit_compile=False)
    return net


def fit(ranks, net=None, callbacks=(), rows=12, batch_size=4, **options):
    net = net or compiled(ranks)
    options = {"epochs": 2, "verbose": 0, "shuffle": False} | options
    net.fit(X[:rows], Y[:rows], batch_size, callbacks=list(callbacks), **options)
    return net


def mistakes(ranks):
    first = ranks.rank == 0
    alike, mean = BroadcastState(ranks), AverageMetrics(ranks)

    def slower(epoch):
        return 0.01

    def bad(epoch):
        return 1e30

    cases = {
        "batches": lambda: fit(ranks, callbacks=[alike], rows=8 + 4 * ranks.rank),
        "epochs": lambda: fit(ranks, callbacks=[alike], epochs=2 + ranks.rank),
        "initial_epoch": lambda: fit(ranks, callbacks=[alike], initial_epoch=ranks.rank),
        "stop": lambda: fit(ranks, callbacks=[alike, mean] + [Stop()] * first),
        "rate": lambda: fit(
            ranks, callbacks=[alike] + [keras.callbacks.LearningRateScheduler(slower)] * first
        ),
        "validation": lambda: fit(
            ranks, callbacks=[alike, mean], validation_data=(X, Y) if first else None
        ),
        "metrics": lambda: fit(
            ranks, compiled(ranks, metrics=["mae"] * first), callbacks=[alike, mean]
        ),
        "timer": lambda: fit(ranks, callbacks=[alike] + [EpochTimer(ranks)] * first),
        "average": lambda: fit(ranks, callbacks=[alike] + [mean] * first),
        "broadcast": lambda: fit(ranks, callbacks=[alike] * first),
        "order": lambda: fit(
            ranks, callbacks=[mean, FiniteLoss(ranks)][:: 1 if first else -1], epochs=1
        ),
        "model": lambda: fit(ranks, compiled(ranks, units=3 + ranks.rank), callbacks=[alike]),
        "frozen": lambda: fit(
            ranks,
            compiled(ranks, optimizer=keras.optimizers.Adam(), frozen=first),
            callbacks=[alike],
        ),
        "optimizer": lambda: fit(
            ranks, compiled(ranks, accumulate_steps=2 + ranks.rank), callbacks=[alike]
        ),
        "plain": lambda: fit(ranks, with_plain_optimizer(ranks), callbacks=[alike]),
        "diverged": lambda: fit(
            ranks,
            callbacks=[alike, keras.callbacks.LearningRateScheduler(bad), FiniteLoss(ranks, 2)],
        ),
        "declared": lambda: fit(
            ranks, compiled(ranks, metrics=[Largest()]), callbacks=[alike, mean]
        ),
    }
    for name, case in cases.items():
        try:
            case()
            report(**{name: "no error"})
        except CapsHvdError as error:
            report(**{name: f"{type(error).__name__}: {error}"})
    # What ranks may differ in: rows of a batch, callbacks that neither stop nor communicate.
    log = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)] * first
    net = fit(ranks, callbacks=[alike, mean, *log], rows=4 * (1 + ranks.rank),
              batch_size=2 * (1 + ranks.rank))  # fmt: skip
    report(rows=net.get_weights())


class Largest(keras.metrics.Metric):
    """The largest error: its variable is no sum."""

    def __init__(self):
        super().__init__(name="largest")
        self.value = self.add_variable((), "zeros", name="value")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = keras.ops.max(keras.ops.abs(y_true - y_pred))
        self.value.assign(keras.ops.maximum(self.value, error))

    def result(self):
        return self.value


def with_plain_optimizer(ranks):
    net = compiled(ranks)
    net.second_optimizer = keras.optimizers.SGD(0.1)
    return net


def alone(ranks):
    fit(ranks, epochs=1 if ranks.rank == 0 else 1000)


def uneven(ranks):
    def batches():
        for _ in range(3 + ranks.rank):
            yield X, Y

    import tensorflow as tf

    spec = (tf.TensorSpec((12, 2)), tf.TensorSpec((12, 1)))
    data = tf.data.Dataset.from_generator(batches, output_signature=spec)
    compiled(ranks).fit(data, epochs=2, verbose=0, callbacks=[BroadcastState(ranks)])


def main():
    {"mistakes": mistakes, "alone": alone, "uneven": uneven}[sys.argv[1]](comm.init())


sys.exit(run_guarded(main))
