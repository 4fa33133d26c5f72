"""What is said before a step that is too much for the machine, and when memory is refused."""

import dataclasses

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.training.forecast import Forecast, describe, forecast, refused_allocations, warning

GIB = 2**30
CONFIG = TrainConfig()
FITS = Forecast(
    parameters=8_000_000, fixed_bytes=GIB / 8, image_bytes=GIB / 400, batch_size=100,
    step_seconds=1.0, steps=600,
)  # fmt: skip


def test_what_fits_is_not_mentioned():
    assert warning(FITS, CONFIG, 8 * GIB) == ""
    assert warning(dataclasses.replace(FITS, step_seconds=None), CONFIG, 0) == ""


def test_too_much_memory():
    large = dataclasses.replace(FITS, image_bytes=GIB / 10)
    assert warning(large, CONFIG, 6 * GIB) == (
        "caps_hvd: warning: a step of 100 images with 8,000,000 parameters takes about 10.1 GiB of "
        "memory (6.0 GiB are free here) and about 1 s, an epoch about 10 minutes; choose smaller "
        "images, or --preset slim, or --weight-sharing, or --model lenet5, or --batch-size 58"
    )
    with pytest.raises(ConfigError, match="takes about 10.1 GiB .* or --batch-size 38"):
        warning(large, CONFIG, 4 * GIB)


@pytest.mark.parametrize(
    "seconds, steps, words",
    [(90, 2, "about 90 s, an epoch about 3 minutes"), (15, 600, "about 15 s, an epoch about 2 h")],
)
def test_too_much_time(seconds, steps, words):
    slow = dataclasses.replace(FITS, step_seconds=seconds, steps=steps)
    assert words in warning(slow, CONFIG, 8 * GIB)
    assert warning(dataclasses.replace(slow, step_seconds=None), CONFIG, 8 * GIB) == ""


@pytest.mark.parametrize(
    "options, absent",
    [
        ({"preset": "slim", "weight_sharing": True}, ["--preset", "--weight-sharing"]),
        ({"model": "mlcn"}, ["--preset", "--weight-sharing"]),
        ({"model": "lenet5"}, ["--preset", "--weight-sharing", "--model"]),
    ],
)
def test_only_what_a_model_has_is_offered(options, absent):
    text = describe(FITS, TrainConfig(**options), GIB)
    assert "choose smaller images" in text
    for word in absent:
        assert word not in text


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.mark.parametrize(
    "error",
    [
        ResourceExhaustedError("OOM when allocating tensor with shape[4,1192,1192,256]"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes."),  # JAX
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),  # PyTorch
        MemoryError(),
    ],
)
def test_memory_that_is_refused(error):
    with (
        pytest.raises(ConfigError, match="has refused memory that training needs: what a step"),
        refused_allocations(lambda: "what a step takes"),
    ):
        raise error
    with pytest.raises(ConfigError, match="choose smaller"), refused_allocations(lambda: ""):
        raise error


@pytest.mark.parametrize("error", [ValueError("another"), ConfigError("already in words")])
def test_other_errors_stay(error):
    with pytest.raises(type(error), match=str(error)), refused_allocations(lambda: ""):
        raise error


def test_of_a_model():
    """The arithmetic, on LeNet-5 and on a capsule network."""
    from caps_hvd.training.build import build_model

    config = TrainConfig(model="lenet5", batch_size=10)
    model = build_model(config, (28, 28, 1), 10)
    one, two = (forecast(model, config, 7, ranks=ranks, cores=2) for ranks in (1, 2))
    assert one.parameters == 61_706 and one.fixed_bytes == 16 * 61_706  # the paper's, all trained
    assert two.memory_bytes == 2 * one.memory_bytes and one.steps == 7
    # Two convolutions and three dense layers, a multiplication and an addition each, three passes.
    flops = 2 * (28 * 28 * 25 * 6 + 10 * 10 * 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10)
    assert one.step_seconds == pytest.approx(3 * 10 * flops / (2 * 50e9))
    assert forecast(model, config, 7).step_seconds is None

    config = TrainConfig(preset="slim", optimizer="sgd", convolution="direct")
    slim = forecast(build_model(config, (28, 28, 1), 10), config, 7)
    assert slim.fixed_bytes == 8 * 792_336
    bounded = dataclasses.replace(config, routing_memory_mib=1)
    few = forecast(build_model(bounded, (28, 28, 1), 10), bounded, 7)
    routing = 4 * 10 * 288 * 18
    assert slim.image_bytes - few.image_bytes == pytest.approx(routing - 2**20 / 100)

    assert forecast(model, config, 1, images=30).batch_size == 30
    bilinear = dataclasses.replace(config, convolution="auto")
    more = forecast(build_model(bilinear, (28, 28, 1), 10), bilinear, 7)
    # 148 slots of 128 phase channels to 64 filters; those of images with their gradients.
    assert more.fixed_bytes - slim.fixed_bytes == 4 * 148 * 128 * 64
    assert more.image_bytes - slim.image_bytes == pytest.approx(8 * 148 * (128 + 64))
