import numpy as np
import pytest
from keras import ops

from caps_hvd.models.resizing import enlarged, resized


def sizes(layers, image_shape):
    shape = (1, *image_shape)
    for layer in layers:
        shape = layer.compute_output_shape(shape)
    return tuple(shape[1:])


@pytest.mark.parametrize(
    ("image_shape", "expected"),
    [((28, 28, 1), (28, 28, 1)), ((8, 8, 3), (28, 28, 3)), ((14, 7, 1), (56, 28, 1)),
     ((27, 60, 1), (28, 62, 1)), ((200, 100, 1), (200, 100, 1))],
)  # fmt: skip
def test_small_images_are_enlarged_with_their_proportions(image_shape, expected):
    assert sizes(enlarged(image_shape, 28), image_shape) == expected


@pytest.mark.parametrize(
    "image_shape", [(78, 78, 1), (28, 28, 1), (28, 56, 3), (156, 156, 1), (500, 80, 3)]
)
def test_any_image_becomes_a_square(image_shape):
    assert sizes(resized(image_shape, 78), image_shape) == (78, 78, image_shape[-1])


def test_large_images_are_averaged_over_blocks():
    image = np.random.default_rng(0).random((1, 6, 4, 1)).astype("float32")
    (layer,) = resized((6, 4, 1), 2)[:1]
    expected = image.reshape(1, 2, 3, 2, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(image)), expected, rtol=1e-5)
    assert len(resized((6, 4, 1), 2)) == 1
