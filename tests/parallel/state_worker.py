"""What two ranks share and what is each one's own: `step`, `accumulation`, `adasum`, `metrics`."""

import contextlib
import io
import sys

from caps_hvd.system.backend import import_tensorflow_quietly

import_tensorflow_quietly()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from caps_hvd.distributed import (  # noqa: E402
    AverageMetrics,
    BroadcastState,
    EpochTimer,
    average_metrics,
    comm,
    distribute,
    load_rank_state,
    rank_state,
    run_guarded,
)
from tests.parallel.launch import report  # noqa: E402

STEPS = 8
SEEN = tf.Variable(0, dtype=tf.int64, trainable=False)  # a name that `train_step` uses
SWITCHED = {"steps": tf.Variable(0.0, trainable=False)}


def data(rank, rows=4 * STEPS):
    generator = np.random.default_rng(rank)
    x = generator.normal(size=(rows, 3))
    return x, np.sin(x.sum(axis=1, keepdims=True))


class Average:
    """A moving average of a user's own class."""

    def __init__(self, variable):
        self.value = tf.Variable(tf.zeros(variable.shape, tf.float64), trainable=False)


class BodyAndHead(keras.Model):
    """A body and a head with an optimizer each, and state of every other kind."""

    def __init__(self):
        super().__init__()
        self.body = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(4, "tanh"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.25),
            ]
        )
        self.head = keras.layers.Dense(1)
        self.counted = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.noise = tf.random.Generator.from_seed(3)
        self.error = keras.metrics.MeanAbsoluteError(name="error")

    def call(self, x, training=False):
        return self.head(self.body(x, training=training))

    def compile(self, body_optimizer, head_optimizer, **rest):
        super().compile(optimizer=head_optimizer, **rest)
        self.parts = [(body_optimizer, "body"), (head_optimizer, "head")]

    def train_step(self, batch):
        x, y = batch
        x += 0.01 * self.noise.normal(tf.shape(x), dtype=x.dtype)
        with tf.GradientTape(persistent=True) as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted)
        for optimizer, name in self.parts:
            weights = getattr(self, name).trainable_weights
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.average.value.assign(0.9 * self.average.value + 0.1 * self.head.kernel)
        self.counted.assign_add(1)
        SEEN.assign_add(2)
        SWITCHED["steps"].assign_add(0.5)
        self.error.update_state(y, predicted)
        return {"loss": loss, "error": self.error.result()}


def step(ranks):
    for name, timed in (("plain", False), ("timed", True)):
        keras.utils.set_random_seed(5 + ranks.rank)
        model = BodyAndHead()
        x, y = data(ranks.rank)
        model(x[:1])
        model.average = Average(model.head.kernel)
        optimizers = [distribute(keras.optimizers.Adam(0.01), ranks) for _ in range(2)]
        model.compile(*optimizers, loss="mse", jit_compile=False)
        for variable in (model.counted, SEEN, SWITCHED["steps"]):
            variable.assign(tf.cast(100 * (1 + ranks.rank), variable.dtype))
        timer = EpochTimer(ranks)
        callbacks = [BroadcastState(ranks)] + [timer] * timed
        history = model.fit(x, y, 4, epochs=2, callbacks=callbacks, verbose=0, shuffle=False)
        shared = [*model.body.trainable_weights, *model.head.weights, model.average.value]
        report(
            **{
                f"{name}_shared": [np.asarray(v) for v in shared],
                f"{name}_own": [*(np.asarray(v) for v in model.body.non_trainable_weights)],
                f"{name}_moments": [np.asarray(v) for o in optimizers for v in o.variables],
                f"{name}_history": history.history["error"] + history.history["loss"],
                f"{name}_counts": [
                    *(int(o.iterations) for o in optimizers),
                    int(model.counted), int(SEEN), float(SWITCHED["steps"]),
                ],
                f"{name}_rounds": timer.calibration.get("rounds", 0),
            }
        )  # fmt: skip


def network(ranks, seed=0, **options):
    keras.utils.set_random_seed(seed)
    net = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)]
    )
    optimizer = distribute(keras.optimizers.Adam(0.01), ranks, compression="none", **options)
    net.compile(optimizer, "mse", jit_compile=False)
    optimizer.build(net.trainable_variables)
    return net


def fit(net, ranks, epochs=1, weights=None):
    x, y = data(ranks.rank)
    net.fit(x, y, 4, epochs=epochs, verbose=0, shuffle=False, sample_weight=weights,
            callbacks=[BroadcastState(ranks)])  # fmt: skip
    return net


def parts(ranks, name, **options):
    """Two epochs in one go, in two calls, and over a file of rank 0's and the ranks' own state."""
    report(**{f"{name}_whole": fit(network(ranks, **options), ranks, epochs=2).get_weights()})
    net = fit(network(ranks, **options), ranks)
    own = rank_state(net)
    saved = [v.numpy() for v in [*net.weights, *net.optimizer.variables]]
    report(**{f"{name}_calls": fit(net, ranks).get_weights()})
    for case in "kept", "lost":
        net = network(ranks, seed=1 + ranks.rank, **options)
        if ranks.rank == 0:  # as after loading what rank 0 has saved
            for variable, value in zip(
                [*net.weights, *net.optimizer.variables], saved, strict=True
            ):
                variable.assign(value)
        if case == "kept":
            load_rank_state(net, own)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            fit(net, ranks)
        report(**{f"{name}_{case}": net.get_weights(), f"{name}_{case}_said": said.getvalue()})


def accumulation(ranks):
    parts(ranks, "accumulation", accumulate_steps=3)
    empty = np.ones(4 * STEPS) if ranks.rank == 0 else np.repeat([1.0, 0.0], [20, 12])
    whole = fit(network(ranks, accumulate_steps=3), ranks, epochs=2, weights=empty)
    calls = fit(network(ranks, accumulate_steps=3), ranks, weights=empty)
    report(empty_whole=whole.get_weights(),
           empty_calls=fit(calls, ranks, weights=empty).get_weights())  # fmt: skip


def adasum(ranks):
    parts(ranks, "adasum", op="adasum")


class Range(keras.metrics.Metric):
    """The largest error less the smallest one."""

    def __init__(self):
        super().__init__(name="range")
        self.largest = self.add_variable((2,), "zeros", name="largest")
        self.smallest = self.add_variable((2,), "ones", name="smallest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = keras.ops.abs(y_true - y_pred)[:, :2]
        self.largest.assign(keras.ops.maximum(self.largest, keras.ops.max(error, axis=0)))
        self.smallest.assign(keras.ops.minimum(self.smallest, keras.ops.min(error, axis=0)))

    def result(self):
        return self.largest - self.smallest


def measured(optimizer):
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "softmax")])
    metrics = [
        keras.metrics.F1Score(),
        keras.metrics.FBetaScore(average="macro", beta=2.0),
        keras.metrics.R2Score(class_aggregation=None),
        keras.metrics.Precision(thresholds=[0.3, 0.5], name="precision"),
        keras.metrics.Recall(class_id=1, name="recall"),
        Range(),
    ]
    net.compile(optimizer, "categorical_crossentropy", metrics=metrics, jit_compile=False)
    return net


def metrics(ranks):
    every = []
    for rank in range(ranks.size):  # rank r has r + 1 times ten rows
        generator = np.random.default_rng(rank)
        rows = 10 * (rank + 1)
        x = generator.normal(size=(rows, 3)).astype("float32")
        every.append((x, np.eye(3, dtype="float32")[generator.integers(0, 3, rows)]))
    whole = [np.concatenate(part) for part in zip(*every, strict=True)]
    expected = measured("sgd").evaluate(*whole, verbose=0, return_dict=True)
    net = measured(distribute(keras.optimizers.SGD(0.0), ranks))
    net.evaluate(*every[ranks.rank], verbose=0)
    reductions = {Range: {"largest": "max", "smallest": "min"}}
    found = average_metrics(net, ranks, reductions=reductions)
    net = measured(distribute(keras.optimizers.SGD(0.0), ranks))
    history = net.fit(
        *every[ranks.rank], batch_size=100, verbose=0,
        callbacks=[BroadcastState(ranks), AverageMetrics(ranks, reductions=reductions)],
    ).history  # fmt: skip
    report(
        expected={name: np.asarray(value) for name, value in expected.items()},
        found={name: np.asarray(value) for name, value in found.items()},
        fitted={name: np.asarray(values[-1]) for name, values in history.items()},
    )


def main():
    keras.config.set_floatx("float64")
    ranks = comm.init()
    for name in sys.argv[1].split(","):
        globals()[name](ranks)


sys.exit(run_guarded(main))
