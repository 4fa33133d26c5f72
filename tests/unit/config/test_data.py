"""Texts with a form: what they mean, and that a mistake in one is found when options are read."""

import pytest

from caps_hvd.config.data import parse_array_names, parse_image_shape, parse_pixel_range
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError


def test_what_they_mean():
    assert parse_image_shape("32x30x3") == (32, 30, 3)
    assert parse_pixel_range("-1,1") == (-1, 1) and parse_pixel_range("0, 4095") == (0, 4095)
    assert parse_array_names("a, b") == ("a", "b")
    assert parse_array_names("a,b,c/d,e") == ("a", "b", "c/d", "e")


@pytest.mark.parametrize(
    "option",
    [
        {"image_shape": "28"}, {"image_shape": "28x28x0"}, {"image_shape": "axbxc"},
        {"pixel_range": "1"}, {"pixel_range": "1,0"}, {"pixel_range": "0,inf"},
        {"pixel_range": "nan,1"}, {"array_names": "a"}, {"array_names": "a,b,c"},
        {"array_names": "a,"}, {"image_layout": "first"}, {"first_label": "2"},
        {"test_fraction": 0.0}, {"test_fraction": 1.0},
    ],
)  # fmt: skip
def test_a_mistake_names_the_option(option):
    (name,) = option
    with pytest.raises(ConfigError, match=f"^{name}: expected .*received"):
        TrainConfig(**option)
