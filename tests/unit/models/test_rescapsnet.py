import pytest

from caps_hvd import models
from caps_hvd.config.model import ResCapsNetOptions
from caps_hvd.errors import ConfigError
from tests.unit.models.sizes import check_every_size, rows, trained


def test_layers_by_hand():
    found = rows(models.build(ResCapsNetOptions(initialization="published"), (28, 28, 1), 10))
    expected = {
        "resizing": (78, 78, 1),
        "convolution": (78, 78, 32),
        "pooling": (26, 26, 32),
        "block_1_relu_2": (26, 26, 32),
        "block_2_relu_2": (26, 26, 64),
        "block_3_relu_2": (26, 26, 64),
        "primary_capsules": (1296, 8),
        "class_capsules": (10, 16),
    }
    assert {name: found[name].output_shape for name in expected} == expected


def test_parameters_by_hand():
    model = models.build(ResCapsNetOptions(initialization="published"), (28, 28, 1), 10)
    parts = {
        "convolution": 7 * 7 * 1 * 32 + 32,
        "block_1": 2 * 9 * 32 * 32 + 2 * 2 * 32,
        # the shortcut of 1 x 1 pixels where the number of channels changes, with its normalization
        "block_2": 9 * 32 * 64 + 9 * 64 * 64 + 2 * 2 * 64 + 32 * 64 + 2 * 64,
        "block_3": 2 * 9 * 64 * 64 + 2 * 2 * 64,
        "primary_capsules": 9 * 9 * 64 * 128 + 128,
        "class_capsules": 1296 * 8 * 10 * 16,
    }
    for name, expected in parts.items():
        layers = [each for each in model.encoder.layers if each.name.startswith(name)]
        assert sum(map(trained, layers)) == expected, name
    assert trained(model) == sum(parts.values()) == 2_474_432


@pytest.mark.parametrize(
    ("image_shape", "layers"),
    [
        ((78, 78, 1), []),
        ((100, 60, 3), ["resizing"]),
        ((156, 156, 3), ["averaging"]),  # 2 x 2 pixels
        ((200, 78, 1), ["averaging", "resizing"]),
    ],
)
def test_images_of_any_size_are_brought_to_one(image_shape, layers):
    model = models.build(ResCapsNetOptions(), image_shape, 2)
    found = rows(model)
    assert [name for name in found if name in ("averaging", "resizing")] == layers
    assert found["convolution"].output_shape == (78, 78, 32)


def test_every_size_and_number_of_classes():
    check_every_size(ResCapsNetOptions)


def test_wrong_options_are_named():
    with pytest.raises(ConfigError, match="classes: expected 1 or more; received 0"):
        models.build(ResCapsNetOptions(), (28, 28, 1), 0)
    with pytest.raises(ConfigError, match="routing_iterations: expected 1 or more; received 0"):
        models.build(ResCapsNetOptions(routing_iterations=0), (28, 28, 1), 3)
