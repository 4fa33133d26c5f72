"""Layers that bring the images of a network to the size that it is made for."""

import keras


def enlarged(image_shape, pixels: int) -> list[keras.layers.Layer]:
    """The layers that make small images larger, with their proportions; none for large ones.

    Args:
        image_shape: (height, width, channels) of an image.
        pixels: that the shorter side is to have at least.

    Example:
        >>> [(layer.height, layer.width) for layer in enlarged((8, 10, 1), 28)]
        [(28, 35)]
    """
    height, width, _ = image_shape
    shorter = min(height, width)
    if shorter >= pixels:
        return []
    size = (round(side * pixels / shorter) for side in (height, width))
    return [keras.layers.Resizing(*size, interpolation="bilinear", name="resizing")]


def resized(image_shape, pixels: int) -> list[keras.layers.Layer]:
    """The layers that bring images of any size to squares of one size; none for such squares.

    Bilinear interpolation looks at two pixels in each direction, and would leave most of a large
    image out: blocks of its pixels are averaged before, as long as enough of them remain.

    Args:
        image_shape: (height, width, channels) of an image.
        pixels: height and width to come out.
    """
    height, width, _ = image_shape
    block = tuple(max(1, side // pixels) for side in (height, width))
    layers = []
    if max(block) > 1:
        layers.append(keras.layers.AveragePooling2D(block, name="averaging"))
    if (height // block[0], width // block[1]) != (pixels, pixels):
        layers.append(
            keras.layers.Resizing(pixels, pixels, interpolation="bilinear", name="resizing")
        )
    return layers
