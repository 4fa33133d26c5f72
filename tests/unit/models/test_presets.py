import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.models.presets import preset_for

PRESETS = ("paper", "small")


@pytest.mark.parametrize(
    ("preset", "image_shape", "meant"),
    [
        ("auto", (28, 28, 1), "paper"),
        ("auto", (28, 27, 1), "small"),
        ("auto", (8, 32, 3), "small"),
        ("paper", (8, 8, 1), "paper"),
        ("small", (32, 32, 3), "small"),
    ],
)
def test_auto_follows_the_smaller_side_of_the_image(preset, image_shape, meant):
    assert preset_for(preset, image_shape, PRESETS) == meant


def test_a_preset_that_the_model_lacks():
    with pytest.raises(ConfigError, match="preset: expected one of auto, paper, small; .*'slim'"):
        preset_for("slim", (28, 28, 1), PRESETS)
