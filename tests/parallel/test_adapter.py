"""Several ranks against one process that is given all of their data.

The reference is plain Keras and numpy in this process: no Horovod, no launcher.
"""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.parallel import problem
from tests.parallel.launch import launch

WORKER = Path(__file__).with_name("adapter_worker.py")
ALL = "communicator,adam,fit,operations,gradient_kinds,overflow,metrics,broadcast,adasum"
JOBS = {
    ("mpirun", 2): ALL,
    ("horovodrun --gloo", 2): ALL,
    ("mpirun", 4): "adam,fit,overflow,metrics,adasum",
    ("horovodrun --gloo", 4): "adam,fit,overflow,metrics,adasum",
}
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(300)]


@functools.cache
def run(launcher, ranks):
    job = launch(launcher, ranks, WORKER, JOBS[launcher, ranks], seconds=240)
    assert job.code == 0, job.text
    return job


@pytest.fixture(params=JOBS, ids=lambda key: f"{key[0]} {key[1]}".replace(" ", "_"))
def job(request):
    """The job of each launcher and number of ranks, run once."""
    return run(*request.param)


@pytest.fixture(params=[key for key in JOBS if key[1] == 2], ids=lambda key: key[0])
def pair(request):
    """The jobs of two ranks, which make all checks."""
    return run(*request.param)


def same(job, key):
    """What all ranks reported under a key, after checking that it is the same to the bit."""
    values = [record[key] for record in job.records]
    assert all(value == values[0] for value in values), key
    return values[0]


def assert_weights(reported, expected, tolerance=1e-6):
    for value, reference in zip(reported, expected, strict=True):
        np.testing.assert_allclose(value, np.asarray(reference), rtol=0, atol=tolerance)


def mean_gradients(net, ranks, step):
    """The average over ranks of their own batches' gradients, tensor by tensor."""
    each = []
    for rank in range(ranks):
        inputs, labels = problem.batches(rank, 5)
        each.append([g.numpy() for g in problem.gradients(net, inputs[step], labels[step])])
    return [np.mean(parts, axis=0) for parts in zip(*each, strict=True)]


def reference(ranks, update, steps=5):
    """Weights after `update(net, gradients)` with the averaged gradients of each step."""
    net = problem.model()
    for step in range(steps):
        update(net, mean_gradients(net, ranks, step))
    return net.get_weights()


def descend(rate, change=lambda gradients: gradients):
    """Plain gradient descent, in numpy."""

    def update(net, gradients):
        weights = zip(net.get_weights(), change(gradients), strict=True)
        net.set_weights([weight - rate * gradient for weight, gradient in weights])

    return update


def keras_optimizer(optimizer):
    return lambda net, gradients: optimizer.apply(gradients, net.trainable_variables)


@pytest.mark.core
def test_five_adam_steps(job):
    ranks = len(job.records)
    expected = reference(ranks, keras_optimizer(keras.optimizers.Adam(0.01)))
    for group_mib in (4.0, 1e-5):
        assert_weights(same(job, f"adam_{group_mib}"), expected)
    parameters = sum(weight.size for weight in problem.weights())
    assert same(job, "groups_4.0")["groups"] == 1
    assert same(job, "groups_1e-05")["groups"] == 6
    assert same(job, "groups_4.0")["gradient_bytes_per_step"] == 4 * parameters


def test_twenty_fit_steps(job):
    import tensorflow as tf

    whole = problem.all_ranks(len(job.records), 20)
    # In float64: in float32, twenty steps of Adam part by their rounding, more on some processors.
    net = problem.model(dtype="float64")
    net.compile(keras.optimizers.Adam(0.01), problem.loss(), weighted_metrics=["accuracy"])
    history = net.fit(tf.data.Dataset.from_tensor_slices(whole), verbose=0).history
    assert_weights(same(job, "fit"), net.get_weights(), tolerance=1e-12)
    assert same(job, "fit_iterations") == 20
    # The calibration took steps of its own: nothing of it may show in metrics either.
    reported = same(job, "fit_history")
    assert reported["accuracy"] == pytest.approx(history["accuracy"][-1], abs=1e-6)
    assert reported["loss"] == pytest.approx(history["loss"][-1], abs=1e-5)


def test_epoch_timer(job):
    (epoch,) = same(job, "traces")
    assert epoch["images"] == len(job.records) * 20 * problem.ROWS
    parts = ("compute", "exposed_communication", "input", "other")
    total = sum(epoch[f"{part}_seconds"] for part in parts)
    assert total == pytest.approx(epoch["seconds"], rel=1e-6)
    assert min(epoch[f"{part}_seconds"] for part in parts) >= 0
    assert epoch["startup_seconds"] > epoch["seconds"]  # 20 steps of a tiny model
    assert job.records[0]["calibration"]["rounds"] >= 3


@pytest.mark.core
def test_operations(pair):
    double = reference(2, descend(0.05, lambda gradients: [2 * g for g in gradients]))
    assert_weights(same(pair, "sum"), double)
    plain = reference(2, descend(0.05))
    assert_weights(same(pair, "on_cpu"), plain)
    assert_weights(same(pair, "fp16"), plain, tolerance=2e-4)
    # Half precision was really used: it is not the float32 result.
    assert same(pair, "fp16") != same(pair, "on_cpu")


def test_clipping_acts_on_reduced_gradients(pair):
    def clip(gradients):
        norm = np.sqrt(sum(np.sum(np.square(g)) for g in gradients))
        return [g * min(1.0, 0.1 / norm) for g in gradients]

    assert_weights(same(pair, "clipped"), reference(2, descend(0.5, clip)))


def test_weight_decay_and_moving_average(pair):
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True)
    assert_weights(same(pair, "decay_ema"), reference(2, keras_optimizer(optimizer)))


def test_accumulation_equals_the_large_batch(pair):
    net = problem.model()
    steps = [mean_gradients(net, 2, step) for step in range(5)]
    large = [np.mean(parts, axis=0) for parts in zip(*steps, strict=True)]
    expected = [w - 0.05 * g for w, g in zip(problem.weights(), large, strict=True)]
    assert_weights(same(pair, "accumulated"), expected)
    assert same(pair, "accumulating_still")  # no update before the fifth step
    parameters = sum(weight.size for weight in problem.weights())
    assert same(pair, "accumulated_bytes") == 4 * parameters // 5


def test_kinds_of_gradients(pair):
    # Rank r has the slice r with value r + 1; learning rate 1.
    assert same(pair, "slices") == [[-0.5, -0.5], [-1.0, -1.0], [0.0, 0.0], [0.0, 0.0]]
    assert same(pair, "missing") == [0.0, 0.0, 0.0]
    assert same(pair, "bfloat16") == [-1.5, -3.0]


@pytest.mark.parametrize("form", ["plain", "fp16", "accumulate"])
def test_overflow_on_one_rank_skips_the_step_on_all(job, form):
    # The last rank overflows in the third of six steps.
    same(job, f"overflow_{form}")
    scales, kept = same(job, f"scales_{form}"), same(job, f"kept_{form}")
    assert scales == [2.0**15] * 2 + [2.0**14] * 4
    if form == "accumulate":  # updates in the second step, and in the second after the skipped one
        assert kept == [True, False, True, True, False, True]
    else:
        assert kept == [False, False, True, False, False, False]


def test_metrics_count_every_sample_once(job):
    ranks = len(job.records)
    parts = [problem.batches(rank, rank + 1, problem.ROWS + rank) for rank in range(ranks)]
    inputs = np.concatenate([x.reshape(-1, problem.FEATURES, 1) for x, _ in parts])
    labels = np.concatenate([y.ravel() for _, y in parts])
    logits = problem.model().predict(inputs, verbose=0).astype(np.float64)
    likelihood = logits[np.arange(len(labels)), labels]
    loss = np.mean(np.log(np.exp(logits).sum(axis=1)) - likelihood)
    accuracy = np.mean(logits.argmax(axis=1) == labels)
    history = same(job, "metrics_history")
    for values, prefix in ((same(job, "averaged"), ""), (history, "val_")):
        assert values[f"{prefix}loss"] == pytest.approx(loss, rel=1e-5)
        assert values[f"{prefix}accuracy"] == pytest.approx(accuracy, rel=1e-6)
    samples = 2 * sum(problem.ROWS + rank for rank in range(ranks))
    hits = history["accuracy"] * samples
    assert hits == pytest.approx(round(hits), abs=1e-3)


def test_broadcast_makes_ranks_equal(pair):
    optimizer = keras.optimizers.Adam(0.01)
    net = problem.model(seed=0)
    steps = iter(range(3))
    rates = iter([0.01, 0.01 * 4 / 3, 0.01 * 5 / 3])  # the warm-up from 0.01 to 0.02

    def update(net, gradients):
        optimizer.learning_rate = next(rates)
        optimizer.apply(gradients, net.trainable_variables)

    for step in steps:
        each = []
        for rank in range(2):
            inputs, labels = problem.batches(rank, 3)
            each.append([g.numpy() for g in problem.gradients(net, inputs[step], labels[step])])
        update(net, [np.mean(parts, axis=0) for parts in zip(*each, strict=True)])
    assert_weights(same(pair, "broadcast"), net.get_weights())
    same(pair, "broadcast_state")
    assert same(pair, "learning_rate") == pytest.approx(0.01 * 5 / 3)
    assert "distribute()" in same(pair, "not_distributed")


def test_adasum(job):
    ranks = len(job.records)
    if job.records[0].get("adasum_error"):
        assert "MPI only" in same(job, "adasum_error")
        return
    reported = same(job, "adasum")
    if ranks != 2:
        return
    # Maleki et al. 2020, equation 3, on the ranks' own steps.
    start = problem.weights()
    steps = []
    for rank in range(2):
        inputs, labels = problem.batches(rank, 1)
        gradients = problem.gradients(problem.model(), inputs[0], labels[0])
        steps.append([-0.05 * gradient.numpy() for gradient in gradients])
    expected = []
    for weight, a, b in zip(start, *steps, strict=True):
        dot = np.sum(a * b)
        first, second = (1 - dot / (2 * np.sum(a * a))), (1 - dot / (2 * np.sum(b * b)))
        expected.append(weight + first * a + second * b)
    assert_weights(reported, expected)


@pytest.mark.core
def test_communicator(pair):
    backend = pair.records[0]["facts"][4]
    for rank, record in enumerate(pair.records):
        assert record["facts"] == [rank, 2, rank, 2, backend]
        assert record["launched"] == [rank, 2]
    assert backend in ("mpi", "gloo")
    assert same(pair, "hosts") == 1
    assert same(pair, "peers") == 2
    assert same(pair, "average") == 0.5
    assert same(pair, "total") == [1, 3, 5]
    assert same(pair, "max") == 1.0
    assert same(pair, "gathered") == [0, 1, 1]
    assert same(pair, "objects") == [{"rank": 0}, {"rank": 1}]
    assert same(pair, "root_object") == [0]
    assert same(pair, "half_sum") == 1.0
    assert same(pair, "variables") == [[1.0, 1.0]] * 4
    assert same(pair, "together") == [
        ["DataError", "broken file"],
        ["RunError", "rank 0: No space left: /x"],
        "nothing",
    ]


def test_start_up_messages_are_held_back():
    text = run("mpirun", 2).text
    assert "oneDNN" not in text
    assert "absl::InitializeLog" not in text
