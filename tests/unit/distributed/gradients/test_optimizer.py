"""The distributed optimizer and the callbacks on one rank: plain Keras with an interface more."""

import keras
import numpy as np
import pytest

from caps_hvd.distributed import distribute
from caps_hvd.distributed.callbacks import (
    AverageMetrics,
    BroadcastState,
    EpochTimer,
    WarmUpLearningRate,
)
from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.traffic import is_no_sync, no_sync
from caps_hvd.errors import ConfigError

ALONE = Communicator()
X = np.linspace(-1.0, 1.0, 48, dtype=np.float32).reshape(24, 2)
Y = X.sum(axis=1, keepdims=True)


def model(optimizer):
    net = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    net.set_weights([np.array([[0.5], [-0.25]], np.float32), np.zeros(1, np.float32)])
    net.compile(optimizer, "mse", jit_compile=False)
    return net


def test_one_rank_trains_as_plain_keras_does():
    plain, distributed = (
        model(keras.optimizers.Adam()),
        model(distribute(keras.optimizers.Adam(), ALONE)),
    )
    timer = EpochTimer(ALONE, images_per_epoch=24)
    callbacks = [
        BroadcastState(ALONE),
        AverageMetrics(ALONE),
        WarmUpLearningRate(0.001, ALONE),
        timer,
    ]
    plain.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    distributed.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    for expected, value in zip(plain.get_weights(), distributed.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert [epoch["epoch"] for epoch in timer.epochs] == [0, 1]
    assert all(epoch["images"] == 24 for epoch in timer.epochs)
    assert timer.calibration == {}
    if keras.backend.backend() == "tensorflow":
        assert timer.epochs[0]["startup_seconds"] > 0.0 == timer.epochs[1]["startup_seconds"]
        assert timer.epochs[1]["exposed_communication_seconds"] == 0.0


def test_interface_on_one_rank():
    optimizer = distribute(keras.optimizers.SGD(0.1), ALONE, accumulate_steps=3)
    description = optimizer.describe()
    assert description["ranks"] == 1
    assert description["accumulate_steps"] == 3
    assert description["compression"] == "none"
    assert optimizer.gradient_bytes_per_step == 0
    assert optimizer.gradient_accumulation_steps == 3
    with no_sync():
        assert is_no_sync()
    assert not is_no_sync()


def test_nothing_about_the_optimizer_is_lost():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    original = keras.optimizers.AdamW(schedule, weight_decay=0.1, clipnorm=1.0)
    original.exclude_from_weight_decay(var_names=["bias"])
    config = original.get_config()
    optimizer = distribute(original, ALONE)
    assert optimizer is original
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert optimizer.get_config() == config
    assert optimizer._exclude_from_weight_decay_pattern is not None


def test_a_saved_model_loads_as_plain_keras(tmp_path):
    net = model(distribute(keras.optimizers.Adam(0.01), ALONE))
    net.fit(X, Y, verbose=0)
    net.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert int(loaded.optimizer.iterations) == int(net.optimizer.iterations) > 0
    for value, expected in zip(loaded.optimizer.variables, net.optimizer.variables, strict=True):
        np.testing.assert_array_equal(value.numpy(), expected.numpy())
    # And goes on as a distributed one.
    assert distribute(loaded.optimizer, ALONE).built


def test_from_config_gives_the_plain_optimizer():
    optimizer = distribute(keras.optimizers.SGD(0.1), ALONE)
    assert type(type(optimizer).from_config(optimizer.get_config())) is keras.optimizers.SGD


def test_float16_is_wrapped_in_loss_scaling():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        optimizer = distribute(keras.optimizers.SGD(0.1), ALONE)
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert optimizer.describe()["loss_scaling"]
        net = model(optimizer)
        net.compile(optimizer, "mse", jit_compile=False)  # Keras does not wrap it again
        assert net.optimizer is optimizer
        before = net.get_weights()[0]
        net.fit(X, Y, verbose=0)
        assert np.all(np.isfinite(net.get_weights()[0]))
        assert np.any(net.get_weights()[0] != before)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("optimizer", "options", "message"),
    [
        (keras.optimizers.SGD, {"accumulate_steps": 0}, "accumulate_steps: expected an integer"),
        (
            lambda: keras.optimizers.SGD(gradient_accumulation_steps=2),
            {"accumulate_steps": 3},
            "already has gradient_accumulation_steps=2, received 3",
        ),
        (lambda: distribute(keras.optimizers.SGD(), ALONE), {}, "not yet distributed"),
        (keras.optimizers.SGD, {"op": "adasum", "accumulate_steps": 2}, "adasum cannot be"),
    ],
)
def test_bad_arguments(optimizer, options, message):
    with pytest.raises(ConfigError, match=message):
        distribute(optimizer(), ALONE, **options)


def test_warm_up_refuses_a_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    net = model(distribute(keras.optimizers.SGD(schedule), ALONE))
    with pytest.raises(ConfigError, match="learning_rate: expected a number"):
        net.fit(X, Y, verbose=0, callbacks=[WarmUpLearningRate(0.1, ALONE)])
