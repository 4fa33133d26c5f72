"""Milliseconds of the convolutions of equal lanes: each by itself, or all lanes in one product.

    python -m benchmarks.stacked_lanes

Two convolutions of a lane of type mlcn2, forward and backward, 100 images: 3 x 3 on 23 x 23 pixels,
and the primary capsules' 6 x 6. `library` and `bilinear` compute each lane by itself; `stacked`
transforms the images of all lanes at once, and has one batched product over slots and lanes. Each
lane has weights of its own in all three.
"""

from benchmarks.harness import arguments, compared, take_turns, write_record

# Name: pixels, kernel, stride, filters for each unit of width, padding.
LAYERS = {"3 x 3": (23, 3, 1, 16, "same"), "6 x 6": (23, 6, 2, 32, "valid")}


def steps(layer, lanes, width, batch):
    """Returns a function for each form, which gives the gradients once they are there."""
    import tensorflow as tf
    from keras import ops

    from caps_hvd.ops.convolution import geometry
    from caps_hvd.ops.convolution.bilinear import bilinear_convolution

    pixels, kernel, stride, filters, padding = LAYERS[layer]
    channels, filters = 16 * width, filters * width
    image, weights = (pixels, pixels, channels), (kernel, kernel, channels, filters)
    shape = geometry(image, weights, (stride, stride), padding)
    images = [tf.random.normal((batch, *image)) for _ in range(lanes)]
    kernels = [tf.random.normal(weights, stddev=0.05) for _ in range(lanes)]

    forms = {
        "library": lambda x, w: ops.conv(x, w, stride, padding),
        "bilinear": lambda x, w: bilinear_convolution(x, w, shape),
    }

    def each(form):
        return lambda images, kernels: list(map(forms[form], images, kernels))

    def step(function):
        @tf.function(autograph=False)
        def forward_and_backward():
            with tf.GradientTape() as tape:
                tape.watch([images, kernels])
                outputs = function(images, kernels)
                loss = tf.add_n([tf.reduce_sum(each * each) for each in outputs])
            gradients = tape.gradient(loss, images + kernels)
            return [tensor[0, 0, 0, 0] for tensor in gradients]

        return lambda: [value.numpy() for value in forward_and_backward()]

    functions = {form: each(form) for form in forms} | {"stacked": stacked(shape, weights)}
    return {name: step(function) for name, function in functions.items()}


def stacked(shape, kernel_shape):
    """The bilinear form of all lanes, whose images are one batch, the first lane's first."""
    import tensorflow as tf
    from keras import ops

    from caps_hvd.ops.convolution.bilinear import transforms_for
    from caps_hvd.ops.custom_gradient import custom_gradient

    transforms = transforms_for(shape, "float32")
    channels, filters = shape.phase_channels, shape.filters

    @custom_gradient
    def convolve(images, *kernels):
        lanes = len(kernels)

        def by_lane(slots, columns):
            return ops.reshape(slots, (slots.shape[0], lanes, -1, columns))

        def together(slots):
            return ops.reshape(slots, (slots.shape[0], -1, slots.shape[-1]))

        image_slots = by_lane(transforms.images(images), channels)
        kernel_slots = ops.stack([transforms.kernel(kernel) for kernel in kernels], 1)
        outputs = transforms.outputs(together(ops.matmul(image_slots, kernel_slots)))

        def gradient(upstream):
            upstream = by_lane(transforms.outputs_adjoint(upstream), filters)
            for_images = ops.matmul(upstream, ops.swapaxes(kernel_slots, 2, 3))
            for_kernels = [
                transforms.kernel_gradient(image_slots[:, lane], upstream[:, lane])
                for lane in range(lanes)
            ]
            return transforms.images_adjoint(together(for_images)), *for_kernels

        return outputs, gradient

    def function(images, kernels):
        outputs = convolve(tf.concat(images, 0), *kernels)
        return tf.split(outputs, len(kernels))

    return function


def main():
    options = arguments(
        __doc__,
        lanes=(8, "of a network"),
        width=(4, "of each lane"),
        batch=(100, "images"),
        rounds=(7, "timed steps of each"),
    )
    from caps_hvd.system.backend import start_keras

    start_keras()
    figures = vars(options)
    for layer in LAYERS:
        forms = steps(layer, options.lanes, options.width, options.batch)
        seconds = take_turns(forms, options.rounds)
        found = compared(seconds, "library / bilinear", "bilinear / stacked", unit="ms")
        figures |= {f"{layer}, {name}": each for name, each in found.items()}
    write_record("stacked_lanes", figures)


if __name__ == "__main__":
    main()
