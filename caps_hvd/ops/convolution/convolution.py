"""A convolution in the form that is fastest for its batch."""

from keras import ops

from caps_hvd.ops.convolution.bilinear import bilinear_convolution
from caps_hvd.ops.convolution.one_image import one_image_convolution
from caps_hvd.ops.small_batch import for_few_images


def convolution(images, kernel, strides, padding="valid", bilinear=None):
    """Convolves images.

    Args:
        images: tensor of shape (batch, height, width, channels).
        kernel: tensor of shape (kernel_height, kernel_width, channels, filters).
        strides: pixels between two positions, (down, right).
        padding: "valid" or "same". Defaults to "valid".
        bilinear: `(geometry, images)`: the `Geometry` of the bilinear form, and the smallest batch
            that takes it. Defaults to None: no batch does.

    Returns:
        Tensor of shape (batch, rows, columns, filters).
    """

    def direct():
        return ops.conv(images, kernel, list(strides), padding)

    many = direct
    if bilinear is not None:
        geometry, least = bilinear

        def many():
            return for_few_images(
                images, least - 1, direct, lambda: bilinear_convolution(images, kernel, geometry)
            )

    if padding != "valid":
        return many()
    return for_few_images(images, 1, lambda: one_image_convolution(images, kernel, strides), many)
