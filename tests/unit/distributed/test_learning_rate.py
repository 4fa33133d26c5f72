"""The warm-up against a table computed by hand."""

import pytest

from caps_hvd.distributed.callbacks import WarmUpLearningRate, warm_up_learning_rate
from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError


@pytest.mark.parametrize(
    ("step", "size", "scale", "warmup_epochs", "expected"),
    [
        (0, 4, "linear", 5, 0.1),
        (10, 4, "linear", 5, 0.16),  # one epoch of five: 0.1 + 0.3 / 5
        (25, 4, "linear", 5, 0.25),  # half way
        (49, 4, "linear", 5, 0.394),
        (50, 4, "linear", 5, 0.4),
        (10**6, 4, "linear", 5, 0.4),
        (0, 4, "linear", 0, 0.4),
        (50, 4, "sqrt", 5, 0.2),
        (25, 4, "sqrt", 5, 0.15),
        (50, 4, "none", 5, 0.1),
        (25, 1, "linear", 5, 0.1),
        (50, 1, "sqrt", 5, 0.1),
    ],
)
def test_table(step, size, scale, warmup_epochs, expected):
    rate = warm_up_learning_rate(
        step,
        base=0.1,
        size=size,
        steps_per_epoch=10,
        scale=scale,
        warmup_epochs=warmup_epochs,
    )
    assert rate == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("options", [{"scale": "cubic"}, {"warmup_epochs": -1}])
def test_bad_arguments(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        WarmUpLearningRate(0.1, Communicator(), **options)
