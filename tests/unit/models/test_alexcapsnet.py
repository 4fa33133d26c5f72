import pytest

from caps_hvd import models
from caps_hvd.config.model import AlexCapsNetOptions
from caps_hvd.errors import ConfigError
from tests.unit.models.sizes import check_every_size, rows, trained


def test_layers_and_parameters_by_hand():
    found = rows(models.build(AlexCapsNetOptions(initialization="published"), (28, 28, 1), 10))
    expected = {
        "convolution_1": ((28, 28, 96), 9 * 1 * 96 + 96),
        "pooling_1": ((14, 14, 96), 0),
        "normalization_1": ((14, 14, 96), 2 * 96),
        "convolution_2": ((14, 14, 256), 9 * 96 * 256 + 256),
        "pooling_2": ((7, 7, 256), 0),
        "normalization_2": ((7, 7, 256), 2 * 256),
        "convolution_3": ((7, 7, 384), 9 * 256 * 384 + 384),
        "normalization_3": ((7, 7, 384), 2 * 384),
        "convolution_4": ((7, 7, 384), 9 * 384 * 384 + 384),
        "normalization_4": ((7, 7, 384), 2 * 384),
        "convolution_5": ((7, 7, 256), 9 * 384 * 256 + 256),
        "pooling_5": ((3, 3, 256), 0),
        "normalization_5": ((3, 3, 256), 2 * 256),
        "primary_capsules": ((32, 8), 9 * 256 * 256 + 256),
        "class_capsules": ((10, 16), 32 * 8 * 10 * 16),
    }
    assert {name: (row.output_shape, row.parameters) for name, row in found.items()} == expected


def test_trained_parameters():
    options = AlexCapsNetOptions(initialization="published")
    assert trained(models.build(options, (28, 28, 1), 10)) == 3_953_792
    drawing = AlexCapsNetOptions(initialization="published", decoder="full")
    # CapsNet's decoder has 82,432 + 525,312 + 803,600
    assert trained(models.build(drawing, (28, 28, 1), 10)) == 3_953_792 + 1_411_344


@pytest.mark.parametrize(
    ("image_shape", "capsules"),
    [
        ((8, 8, 1), 32),  # enlarged to 28 x 28
        ((20, 25, 1), 2 * 32),  # to 28 x 35; 28 x 35 -> 14 x 18 -> 7 x 9 -> 3 x 4 -> 1 x 2
        ((32, 32, 3), 32),  # 16, 8, 3, 1
        ((28, 56, 1), 4 * 32),  # 28 x 56 -> 14 x 28 -> 7 x 14 -> 3 x 6 -> 1 x 4
        ((64, 64, 1), 25 * 32),  # 32, 16, 7, 5
    ],
)
def test_primary_capsules_of_other_images(image_shape, capsules):
    model = models.build(AlexCapsNetOptions(), image_shape, 3)
    assert rows(model)["primary_capsules"].output_shape == (capsules, 8)


def test_every_size_and_number_of_classes():
    check_every_size(AlexCapsNetOptions)


def test_weights_are_shared_by_type():
    model = models.build(AlexCapsNetOptions(weight_sharing=True), (64, 64, 1), 3)
    assert tuple(model.encoder.get_layer("class_capsules").kernel.shape) == (8, 3, 16, 32)


@pytest.mark.parametrize(
    ("options", "classes", "message"),
    [
        ({}, 0, "classes: expected 1 or more; received 0"),
        ({"routing_iterations": 0}, 3, "routing_iterations: expected 1 or more; received 0"),
        ({"decoder": "tiny"}, 3, "full, small, none; received 'tiny'"),
    ],
)
def test_wrong_options_are_named(options, classes, message):
    with pytest.raises(ConfigError, match=message):
        models.build(AlexCapsNetOptions(**options), (28, 28, 1), classes)
