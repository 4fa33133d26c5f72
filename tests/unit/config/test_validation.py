"""Options that choose an epoch: what does not fit together is refused in one line."""

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError


@pytest.mark.parametrize(
    "options, words",
    [
        ({"patience": 3}, "patience: expected a validation part"),
        ({"monitor": "val_accuracy"}, "monitor: expected a validation part"),
        ({"min_delta": 0.1}, "min_delta: expected a validation part"),
        (
            {"validation_fraction": 0.1, "monitor": "test_accuracy"},
            "monitor: expected one of val_loss, .* the test part is looked at once, at the end",
        ),
        (
            {"validation_fraction": 0.1, "monitor": "val_acuracy"},
            "received 'val_acuracy'; did you mean 'val_accuracy'",
        ),
        ({"validation_fraction": 1.0}, "validation_fraction: expected a number from 0 to 0.9"),
        ({"validation_fraction": 0.1, "patience": 0}, "patience: expected an integer of at least"),
        (
            {"validation_fraction": 0.1, "patience": 2, "evaluate_every": 0},
            "patience: expected epochs that are evaluated",
        ),
        ({"freeze": "a,,b"}, "freeze: expected names of layers"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(ConfigError, match=words) as caught:
        TrainConfig(**options)
    assert "\n" not in str(caught.value)


def test_runs_of_before_keep_their_digest():
    plain = TrainConfig(dataset="mnist")
    assert TrainConfig(dataset="mnist", validation_fraction=0.0).digest() == plain.digest()
    for options in (
        {"validation_fraction": 0.1},
        {"initialize_from": "runs/a"},
        {"freeze": "convolution"},
    ):
        assert TrainConfig(dataset="mnist", **options).digest() != plain.digest()
