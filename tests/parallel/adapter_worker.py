"""What the ranks of the adapter tests do; each check reports, and the test compares."""

import sys

from caps_hvd.system.backend import import_tensorflow_quietly

import_tensorflow_quietly()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from caps_hvd.distributed import comm, distribute, run_guarded  # noqa: E402
from caps_hvd.distributed.callbacks import (  # noqa: E402
    AverageMetrics,
    BroadcastState,
    EpochTimer,
    WarmUpLearningRate,
    average_metrics,
)
from caps_hvd.errors import CapsHvdError, DataError  # noqa: E402
from tests.parallel import problem  # noqa: E402
from tests.parallel.launch import report  # noqa: E402


def compiled(net, optimizer, **options):
    net.compile(optimizer, problem.loss(), jit_compile=False, auto_scale_loss=False, **options)
    return net


def train(net, ranks, steps=5, rows=problem.ROWS):
    """`steps` training steps on this rank's own batches, through Keras's `train_on_batch`."""
    for inputs, labels in zip(*problem.batches(ranks.rank, steps, rows), strict=True):
        net.train_on_batch(inputs, labels)
    return net.get_weights()


def check_adam(ranks):
    for group_mib in (4.0, 1e-5):  # all in one group; nearly every tensor by itself
        optimizer = distribute(keras.optimizers.Adam(0.01), ranks, group_mib=group_mib)
        net = compiled(problem.model(), optimizer)
        report(
            **{f"adam_{group_mib}": train(net, ranks), f"groups_{group_mib}": optimizer.describe()}
        )


def check_fit(ranks):
    optimizer = distribute(keras.optimizers.Adam(0.01), ranks)
    net = compiled(problem.model(dtype="float64"), optimizer, weighted_metrics=["accuracy"])
    inputs, labels = problem.batches(ranks.rank, 20)
    data = tf.data.Dataset.from_tensor_slices((inputs, labels))
    timer = EpochTimer(ranks)
    history = net.fit(
        data,
        epochs=1,
        verbose=0,
        callbacks=[BroadcastState(ranks), AverageMetrics(ranks), timer],
    )
    report(
        fit=net.get_weights(),
        fit_history={name: values[-1] for name, values in history.history.items()},
        fit_iterations=int(optimizer.iterations),
        calibration=timer.calibration,
        traces=timer.epochs,
    )


def check_operations(ranks):
    def after(optimizer, **options):
        return train(compiled(problem.model(), distribute(optimizer, ranks, **options)), ranks)

    sgd = keras.optimizers.SGD
    report(
        sum=after(sgd(0.05), op="sum"),
        fp16=after(sgd(0.05), compression="fp16"),
        clipped=after(sgd(0.5, global_clipnorm=0.1)),
        accumulated=after(sgd(0.05), accumulate_steps=5),
        decay_ema=after(keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True)),
        on_cpu=after(sgd(0.05), reduce_on="cpu"),
    )
    optimizer = distribute(sgd(0.05), ranks, accumulate_steps=5)
    net = compiled(problem.model(), optimizer)
    before = net.get_weights()
    between = train(net, ranks, steps=4)
    report(accumulating_still=all(map(np.array_equal, before, between)))
    report(accumulated_bytes=optimizer.gradient_bytes_per_step)


def check_gradient_kinds(ranks):
    """Slices, a missing gradient and bfloat16, through `apply` as a loop of one's own would."""
    optimizer = distribute(keras.optimizers.SGD(1.0), ranks)
    table, unused, short = (
        keras.Variable(np.zeros((4, 2), np.float32)),
        keras.Variable(np.zeros(3, np.float32)),
        keras.Variable(np.zeros(2), dtype="bfloat16"),
    )

    @tf.function
    def step(value):
        slices = tf.IndexedSlices(value * tf.ones((1, 2)), tf.constant([ranks.rank]), (4, 2))
        optimizer.apply([slices, None, tf.cast([value, 2 * value], tf.bfloat16)], variables)

    variables = [table, unused, short]
    step(tf.constant(float(ranks.rank + 1)))
    report(slices=table.numpy(), missing=unused.numpy(), bfloat16=short.numpy().astype(float))


def check_overflow(ranks):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for name, options in {
            "plain": {},
            "fp16": {"compression": "fp16"},
            "accumulate": {"accumulate_steps": 2},
        }.items():
            optimizer = distribute(keras.optimizers.SGD(0.05), ranks, **options)
            net = compiled(problem.model(), optimizer)
            scales, kept = [], []
            inputs, labels = problem.batches(ranks.rank, 6)
            for step in range(6):
                batch = inputs[step].copy()
                if step == 2 and ranks.rank == ranks.size - 1:
                    batch[0] = 1e6  # infinite in float16
                before = net.get_weights()
                net.train_on_batch(batch, labels[step])
                scales.append(float(optimizer.dynamic_scale))
                kept.append(all(map(np.array_equal, before, net.get_weights())))
            report(**{f"overflow_{name}": net.get_weights()})
            report(**{f"scales_{name}": scales, f"kept_{name}": kept})
            report(**{f"wrapped_{name}": type(optimizer).__name__})
    finally:
        keras.config.set_dtype_policy("float32")


def check_metrics(ranks):
    """Rank r sees r + 1 batches of evaluation, and as many rows more in each."""
    net = compiled(
        problem.model(),
        distribute(keras.optimizers.SGD(0.0), ranks),
        weighted_metrics=["accuracy"],
    )
    rows = problem.ROWS + ranks.rank
    inputs, labels = problem.batches(ranks.rank, ranks.rank + 1, rows)
    net.evaluate(inputs.reshape(-1, problem.FEATURES, 1), labels.ravel(), rows, verbose=0)
    report(averaged=average_metrics(net, ranks))
    history = net.fit(
        tf.data.Dataset.from_tensor_slices(problem.batches(ranks.rank, 2, rows)),
        validation_data=tf.data.Dataset.from_tensor_slices((inputs, labels)),
        verbose=0,
        callbacks=[AverageMetrics(ranks)],
    )
    report(metrics_history={name: values[-1] for name, values in history.history.items()})


def check_broadcast(ranks):
    def fitted(seed, steps, callbacks):
        net = compiled(problem.model(seed), distribute(keras.optimizers.Adam(0.01), ranks))
        data = tf.data.Dataset.from_tensor_slices(problem.batches(ranks.rank, steps))
        net.fit(data, verbose=0, callbacks=callbacks)
        return net

    # Different weights, moments and step numbers on each rank, then one epoch together.
    net = compiled(problem.model(ranks.rank), distribute(keras.optimizers.Adam(0.01), ranks))
    net.optimizer.build(net.trainable_variables)
    for variable in net.optimizer.variables:
        variable.assign(variable + ranks.rank)
    data = tf.data.Dataset.from_tensor_slices(problem.batches(ranks.rank, 3))
    ramp = WarmUpLearningRate(0.01, ranks, warmup_epochs=1)
    net.fit(data, verbose=0, callbacks=[BroadcastState(ranks), ramp])
    report(
        broadcast=net.get_weights(),
        broadcast_state=[np.asarray(v.numpy(), float) for v in net.optimizer.variables],
        learning_rate=float(net.optimizer.learning_rate),
    )
    plain = compiled(problem.model(), keras.optimizers.Adam(0.01))
    try:
        plain.fit(data, verbose=0, callbacks=[BroadcastState(ranks)])
    except CapsHvdError as error:
        report(not_distributed=str(error))


def check_communicator(ranks):
    report(
        facts=[ranks.rank, ranks.size, ranks.local_rank, ranks.local_size, ranks.backend],
        launched=[comm.launched_rank(), comm.launched_size()],
        hosts=len(ranks.hosts),
        peers=len(ranks.local_peers),
        average=float(ranks.allreduce(ranks.rank)),
        total=ranks.allreduce(np.arange(3) + ranks.rank, "sum"),
        max=float(ranks.allreduce(ranks.rank, "max")),
        gathered=ranks.allgather(np.full(ranks.rank + 1, ranks.rank)),
        objects=ranks.allgather_object({"rank": ranks.rank}),
        root_object=ranks.broadcast_object([ranks.rank]),
        half_sum=float(ranks.allreduce(tf.constant(ranks.rank, tf.bfloat16), "sum")),
    )
    variables = [
        keras.Variable(np.full(2, ranks.rank), dtype=dtype)
        for dtype in ("float32", "int32", "uint32", "bfloat16")
    ]
    ranks.broadcast_variables(variables, root=1)
    report(variables=[v.numpy().astype(float) for v in variables])
    failures = []
    for failing, error in ((1, DataError("broken file")), (0, OSError(28, "No space left", "/x"))):
        try:
            with ranks.raise_on_all_ranks():
                if ranks.rank == failing:
                    raise error
        except CapsHvdError as caught:
            failures.append([type(caught).__name__, str(caught)])
    with ranks.raise_on_all_ranks():
        failures.append("nothing")
    report(together=failures)


def check_adasum(ranks):
    try:
        optimizer = distribute(keras.optimizers.SGD(0.05), ranks, op="adasum")
    except CapsHvdError as error:
        report(adasum_error=str(error))
        return
    net = compiled(problem.model(), optimizer)
    report(adasum=train(net, ranks, steps=1), adasum_bytes=optimizer.gradient_bytes_per_step)


def main():
    ranks = comm.init()
    for name in sys.argv[1].split(","):
        globals()[f"check_{name}"](ranks)


sys.exit(run_guarded(main))
