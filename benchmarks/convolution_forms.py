"""The bilinear form of convolutions against the library's, by image, batch and layer.

    python -m benchmarks.convolution_forms
    python -m benchmarks.convolution_forms --cells inception --batches 1 8

Forward, and gradients for images and kernel, in turns. A figure is how many times as fast as the
library's the form is that training chooses, with the 95 % interval of the mean over the turns;
"direct" where the library's is chosen. `paper` has the two convolutions of the paper's CapsNet on
square images of the given pixels (its second takes 14 pixels as they are, since none are left of
them behind the first), `slim` the same with 32 filters and 64 channels on 227 pixels, `inception`
convolutions of 3 x 3. A cell whose tensors would not fit into the memory given is left out.
"""

import math
import statistics

import numpy as np

from benchmarks.harness import arguments, take_turns, write_record

OPTIONS = {
    "cells": (["paper", "slim", "inception"], "which layers"),
    "batches": ([1, 8, 20, 32, 64, 100, 128, 256], "images, of `paper`"),
    "pixels": ([14, 28, 32, 64], "height and width of the images, of `paper`"),
    "gib": (12.0, "memory that a cell may take"),
    "seconds": (8.0, "that a turn of the library's may take by its arithmetic"),
    "rounds": (9, "turns"),
}
_T = 2.306  # of Student's distribution, 95 %, 8 degrees of freedom


def cells(options):
    """Name, batch, image shape, kernel shape, stride and padding of each cell."""
    if "paper" in options.cells:
        for pixels in options.pixels:
            second = pixels - 8 if pixels > 16 else pixels
            for batch in options.batches:
                yield f"first, {pixels} px", batch, (pixels, pixels, 1), (9, 9, 1, 256), 1, "valid"
                shape = (second, second, 256)
                yield f"second, {pixels} px", batch, shape, (9, 9, 256, 256), 2, "valid"
    if "slim" in options.cells:
        for batch in (1, 8):
            yield "slim's first, 227 px", batch, (227, 227, 1), (9, 9, 1, 32), 1, "valid"
            yield "slim's second, 227 px", batch, (219, 219, 32), (9, 9, 32, 64), 2, "valid"
    if "inception" in options.cells:
        for batch in (1, 8):
            for pixels, channels, filters in ((56, 64, 192), (28, 96, 128), (14, 160, 320)):
                name = f"inception, {pixels} px, {channels} to {filters}"
                shape = (pixels, pixels, channels)
                yield name, batch, shape, (3, 3, channels, filters), 1, "same"


def main():
    options = arguments(__doc__, **OPTIONS)
    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd.ops.convolution import geometry, least_images, measure_rates
    from caps_hvd.ops.convolution.choice import multiply_adds

    rates = measure_rates()
    figures = {name: value for name, value in vars(options).items() if name != "cells"}
    figures |= {f"rate, {name}": value for name, value in vars(rates).items()}
    for name, batch, image, kernel, stride, padding in cells(options):
        key = f"{name}, batch {batch}"
        shape = geometry(image, kernel, (stride, stride), padding)
        least = least_images(shape, rates)
        if least is None or batch < least:
            figures[key] = "direct"
        elif _bytes(shape, batch) > options.gib * 2**30:
            figures[key] = f"left out: over {options.gib:g} GiB"
        elif 3 * batch * multiply_adds(shape)[0] / rates.direct > options.seconds:
            figures[key] = f"left out: over {options.seconds:g} s a turn"
        else:
            figures[key] = _compare(batch, image, kernel, stride, padding, shape, options.rounds)
        print(f"{key}: {figures[key]}", flush=True)
    write_record("convolution_forms", figures)


def _bytes(shape, batch):
    """Bytes of the tensors of slots, each twice: forward and its gradient."""
    from caps_hvd.ops.convolution.transforms import slots

    images = batch * shape.tiles * (shape.phase_channels + shape.filters)
    kernel = shape.phase_channels * shape.filters
    return 8 * slots(shape.height.tile, shape.width.tile) * (images + kernel)


def _compare(batch, image, kernel, stride, padding, shape, rounds):
    """How many times as fast the bilinear form is: "mean (low to high)"."""
    import tensorflow as tf
    from keras import ops

    from caps_hvd.ops.convolution.bilinear import bilinear_convolution

    images, weights = tf.random.normal((batch, *image)), tf.random.normal(kernel, stddev=0.02)

    def both_ways(function):
        @tf.function(autograph=False)
        def step():
            with tf.GradientTape() as tape:
                tape.watch((images, weights))
                outputs = function(images, weights)
            gradients = tape.gradient(outputs, (images, weights), outputs)
            return [tensor[0, 0, 0, 0] for tensor in gradients]

        return lambda: [value.numpy() for value in step()]

    seconds = take_turns(
        {
            "library": both_ways(lambda x, w: ops.conv(x, w, stride, padding)),
            "bilinear": both_ways(lambda x, w: bilinear_convolution(x, w, shape)),
        },
        rounds,
        warm_up=1,
    )
    logs = np.log(np.divide(seconds["library"], seconds["bilinear"]))
    mean, margin = np.mean(logs), _T * statistics.stdev(logs) / math.sqrt(rounds)
    low, middle, high = np.exp([mean - margin, mean, mean + margin])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
