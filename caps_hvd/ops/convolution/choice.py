"""The choice between forms of a convolution, from a model of their seconds on this machine.

Both forms are products of matrices, whose number is known from the shapes; the bilinear form has a
several times smaller number, and moves the values of its slots through memory.  Three rates of the
machine, measured in a fraction of a second, say what that takes:

    direct     3 m / direct                               m: multiply-adds of a pass
    bilinear   3 n / product + values / transform         n: those in all slots

A training step has three passes: forward, and the gradients for images and kernel.
"""

import dataclasses
import functools
import time

import numpy as np
from keras import ops

from caps_hvd.native.library import native
from caps_hvd.ops.convolution.bilinear import transforms_for
from caps_hvd.ops.convolution.geometry import geometry
from caps_hvd.ops.convolution.transforms import slots

FORMS = ("auto", "bilinear", "direct")

# A batch takes the bilinear form where the model gives it at most this share of direct's seconds:
# the model has errors, and a form that wins little is not worth its memory.
_SHARE = 0.8
_BATCHES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


@dataclasses.dataclass(frozen=True)
class Rates:
    """What the machine computes per second in the forms of a convolution.

    Args:
        direct: multiply-adds of the library's convolution, mean over the passes of a step.
        product: multiply-adds of the products in the slots.
        transform: values of slots, made from images or kernels of 10 x 10 pixels, or read back.
    """

    direct: float
    product: float
    transform: float


def multiply_adds(shape):
    """Multiply-adds per image of one pass of a convolution: direct, and in the bilinear form."""
    down, right = shape.axes
    pairs = shape.channels * shape.filters
    direct = down.positions * right.positions * down.kernel * right.kernel * pairs
    products = slots(down.tile, right.tile) * shape.tiles
    return direct, products * shape.phase_channels * shape.filters


def slot_values(shape):
    """Values in the slots of a convolution: for each image, and for the kernel."""
    down, right = shape.axes
    number = slots(down.tile, right.tile)
    image = shape.tiles * (shape.phase_channels + shape.filters)
    return number * image, number * shape.phase_channels * shape.filters


def promises(shape):
    """Whether the bilinear form can be the faster one on any machine."""
    direct, bilinear = multiply_adds(shape)
    # Products of thin matrices take as long as moving them does.
    thin = min(shape.phase_channels, shape.filters) < 16
    return not thin and direct > bilinear / _SHARE


def least_images(shape, rates):
    """Returns the smallest batch that the bilinear form is chosen for, None for no batch.

    Args:
        shape: `Geometry` of the convolution.
        rates: `Rates` of the machine.
    """
    if not promises(shape):
        return None
    fitting = (batch for batch in _BATCHES if _share(shape, rates, batch) <= _SHARE)
    return next(fitting, None)


def _share(shape, rates, batch):
    """The seconds of a step in the bilinear form, in those of the direct form."""
    direct, bilinear = (3 * batch * number for number in multiply_adds(shape))
    image, kernel = slot_values(shape)
    # Both are made once, and read back once; three products read or write each.
    values = 2 * batch * image + 5 * kernel
    down, right = shape.axes
    # A transform in `keras.ops` is a product with a matrix; in C++ it is one of each axis.
    separable = native() is not None
    growth = (down.tile + right.tile) / 20 if separable else down.tile * right.tile / 100
    seconds = bilinear / rates.product + values * max(growth, 0.5) / rates.transform
    return seconds * rates.direct / direct


@functools.cache
def measure_rates() -> Rates:
    """Measures this machine, once in a process and in well under a second."""
    rng = np.random.default_rng(0)
    batch, channels, filters, kernel = 16, 128, 128, (9, 9)

    def random(*shape):
        return ops.convert_to_tensor(rng.standard_normal(shape, "float32"))

    images, weights = random(batch, 20, 20, channels), random(*kernel, channels, filters)
    shape = geometry((20, 20, channels), (*kernel, channels, filters), (2, 2))
    outputs = random(batch, 6, 6, filters)
    transforms = transforms_for(shape, "float32")
    image_slots, kernel_slots = random(32, 96, 512), random(32, 512, 256)

    def seconds(function, *arguments):
        """The best of three, after one to warm up."""
        times = []
        for _ in range(4):
            begin = time.perf_counter()
            ops.convert_to_numpy(ops.sum(function(*arguments)[:1]))
            times.append(time.perf_counter() - begin)
        return min(times[1:])

    forward = seconds(lambda *at: ops.conv(*at, 2, "valid"), images, weights)
    backward = seconds(lambda *at: ops.conv_transpose(*at, 2, "valid"), outputs, weights)
    direct = 2 * batch * multiply_adds(shape)[0] / (forward + backward)
    product = image_slots.shape[1] * kernel_slots.shape[2] * np.prod(image_slots.shape[::2])
    values = slots(10, 10) * shape.phase_channels * (batch + filters)
    moved = seconds(transforms.images, images) + seconds(transforms.kernel, weights)
    return Rates(
        direct=float(direct),
        product=float(product / seconds(ops.matmul, image_slots, kernel_slots)),
        transform=float(values / moved),
    )
