"""Sizes of a model by name."""

from collections.abc import Iterable

from caps_hvd.errors import ConfigError

_PAPER_PIXELS = 28  # height and width of the images that the papers' sizes are for


def preset_for(preset: str, image_shape, presets: Iterable[str]) -> str:
    """The preset that is meant: "auto" takes the published size for images as large as published.

    Args:
        preset: "auto" or one of `presets`.
        image_shape: (height, width, channels) of an image.
        presets: what the model has, "paper" and "small" among them.

    Returns:
        "paper" for "auto" and images of at least 28x28, "small" for "auto" and smaller ones, else
        `preset`.

    Raises:
        ConfigError: the model has no such preset.

    Example:
        >>> preset_for("auto", (32, 32, 3), ("paper", "small"))
        'paper'
    """
    if preset == "auto":
        return "paper" if min(image_shape[:2]) >= _PAPER_PIXELS else "small"
    if preset not in presets:
        raise ConfigError(
            f"preset: expected one of {', '.join(['auto', *presets])}; received {preset!r}"
        )
    return preset
