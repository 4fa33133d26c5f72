"""Milliseconds of lanes of equal geometry: a convolution for each, or one convolution in groups.

    python -m benchmarks.grouped_lanes

Both convolutions of lanes of type mlcn1, forward and backward, 100 images of 28x28x1. `separate`
computes each lane alone; `first` computes the first convolution of all lanes as one, since all see
the same image; `grouped` does that and the second as a convolution in groups. Each lane has weights
of its own in all three.
"""

from benchmarks.harness import arguments, compared, take_turns, write_record

SIZES = ((8, 1), (8, 2), (4, 4))  # lanes and their width


def steps(lanes, width, batch):
    """Returns a function for each form, which gives the gradients once they are there."""
    import tensorflow as tf

    from caps_hvd.lanes.geometry import stages
    from caps_hvd.lanes.lane import Lane

    image, capsules, _ = stages(Lane("mlcn1", width), (28, 28, 1))
    pixels = tf.random.uniform((batch, *image.input_shape))

    def kernels(stage):
        shape = (stage.kernel, stage.kernel, stage.input_shape[-1])
        channels = stage.filters if stage is image else stage.types * stage.dim
        return [
            tf.Variable(tf.random.normal((*shape, channels), stddev=0.05)) for _ in range(lanes)
        ]

    first, second = kernels(image), kernels(capsules)

    def own_first():
        return [tf.nn.relu(tf.nn.conv2d(pixels, kernel, 1, "VALID")) for kernel in first]

    def one_first():
        return tf.nn.relu(tf.nn.conv2d(pixels, tf.concat(first, -1), 1, "VALID"))

    def own_second(inputs):
        return [
            tf.nn.conv2d(values, kernel, capsules.strides, "VALID")
            for values, kernel in zip(inputs, second, strict=True)
        ]

    def grouped(inputs):
        return [tf.nn.conv2d(inputs, tf.concat(second, -1), capsules.strides, "VALID")]

    forms = {
        "separate": lambda: own_second(own_first()),
        "first": lambda: own_second(tf.split(one_first(), lanes, -1)),
        "grouped": lambda: grouped(one_first()),
    }

    def step(form):
        @tf.function(autograph=False)
        def forward_and_backward():
            with tf.GradientTape() as tape:
                loss = tf.add_n([tf.reduce_sum(values**2) for values in form()])
            return tape.gradient(loss, [*first, *second])

        return lambda: forward_and_backward()[0].numpy()

    return {name: step(form) for name, form in forms.items()}


def main():
    options = arguments(__doc__, batch=(100, "images"), rounds=(5, "timed steps of each"))
    figures = vars(options)
    for lanes, width in SIZES:
        seconds = take_turns(steps(lanes, width, options.batch), options.rounds)
        found = compared(seconds, "first / separate", "grouped / separate", unit="ms")
        figures |= {f"{lanes} lanes, width {width}, {name}": each for name, each in found.items()}
    write_record("grouped_lanes", figures)


if __name__ == "__main__":
    main()
