import pytest

from caps_hvd import models
from caps_hvd.config.model import EfficientCapsNetOptions
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from tests.unit.models.sizes import check_every_size, rows, trained


def test_layers_and_parameters_by_hand():
    options = EfficientCapsNetOptions(initialization="published", decoder="none")
    found = rows(models.build(options, (28, 28, 1), 10))
    expected = {
        "convolution_1": ((24, 24, 32), 25 * 32 + 32),
        "normalization_1": ((24, 24, 32), 2 * 32),
        "convolution_2": ((22, 22, 64), 9 * 32 * 64 + 64),
        "normalization_2": ((22, 22, 64), 2 * 64),
        "convolution_3": ((20, 20, 64), 9 * 64 * 64 + 64),
        "normalization_3": ((20, 20, 64), 2 * 64),
        "convolution_4": ((9, 9, 128), 9 * 64 * 128 + 128),
        "normalization_4": ((9, 9, 128), 2 * 128),
        "primary_capsules": ((16, 8), 9 * 9 * 128 + 128),
        "class_capsules": ((10, 16), 16 * 10 * 8 * 16 + 16 * 10),
    }
    assert {name: (row.output_shape, row.parameters) for name, row in found.items()} == expected
    flops = {name: row.forward_flops_per_image for name, row in found.items()}
    assert flops["primary_capsules"] == 2 * 81 * 128
    # the predictions; for 160 couplings a sum, a product and a total of 16 numbers, and a softmax
    assert flops["class_capsules"] == 2 * 16 * 8 * 160 + 160 * (5 * 16 + 5)


def test_trained_parameters_are_those_of_the_paper():
    alone = EfficientCapsNetOptions(decoder="none")
    assert trained(models.build(alone, (28, 28, 1), 10)) == 161_824
    # and CapsNet's decoder, 82,432 + 525,312 + 803,600
    assert trained(models.build(EfficientCapsNetOptions(), (28, 28, 1), 10)) == 161_824 + 1_411_344


@pytest.mark.parametrize(
    ("image_shape", "positions"),
    [
        ((8, 8, 1), 9 * 9),  # enlarged to 28 x 28
        ((32, 32, 3), 11 * 11),
        ((28, 56, 1), 9 * 23),
        ((64, 64, 1), 27 * 27),
    ],
)
def test_the_depthwise_kernel_takes_the_whole_map(image_shape, positions):
    primary = rows(models.build(EfficientCapsNetOptions(), image_shape, 3))["primary_capsules"]
    assert primary.output_shape == (16, 8)
    assert primary.parameters == 128 * positions + 128


def test_every_size_and_number_of_classes():
    check_every_size(EfficientCapsNetOptions)


def test_wrong_options_are_named():
    with pytest.raises(ConfigError, match="classes: expected 1 or more; received 0"):
        models.build(EfficientCapsNetOptions(), (28, 28, 1), 0)
    with pytest.raises(ConfigError, match="routing_iterations: expected 3.* efficient_capsnet"):
        TrainConfig(model="efficient_capsnet", routing_iterations=2).model_options()
