"""Time and memory of routing with transformations of each capsule's own, and with shared ones.

    python -m benchmarks.weight_sharing

Forward and backward, 1,152 capsules of 8 components to 10 classes of 16, as in the paper's CapsNet
for MNIST; shared are the transformations of 32 types over 36 positions.
"""

from benchmarks.harness import (
    arguments,
    compared,
    in_child,
    peak_mib,
    take_turns,
    write_record,
)

CAPSULES, CLASSES = (1152, 8), (10, 16)
TYPES = {"own": 1152, "shared": 32}


def routing_step(batch, capsules, types, classes, **options):
    """Returns a function that routes a batch, and gives the gradients once they are there.

    Args:
        batch: images.
        capsules: number of input capsules and of their components.
        types: number of transformations for each class.
        classes: number of classes and of their components.
        options: of `dynamic_routing`.
    """
    import tensorflow as tf

    from caps_hvd.ops.routing import dynamic_routing

    shape = (capsules[1], *classes, types)
    weights = tf.Variable(tf.random.normal(shape, stddev=0.1, seed=0))
    inputs = tf.random.normal((batch, *capsules), stddev=0.3, seed=0)

    @tf.function(input_signature=[tf.TensorSpec((None, *capsules))], autograph=False)
    def forward_and_backward(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(dynamic_routing(inputs, weights, 3, **options) ** 2)
        return tape.gradient(loss, [inputs, weights])

    return lambda: forward_and_backward(inputs)


def added_mib(form, batch):
    """By how much the routing of `batch` images raises the peak of this process."""
    routing_step(1, CAPSULES, TYPES[form], CLASSES)()  # TensorFlow, weights and their gradient
    before = peak_mib()
    run = routing_step(batch, CAPSULES, TYPES[form], CLASSES)
    for _ in range(3):
        run()
    return peak_mib() - before


def main():
    options = arguments(__doc__, batch=(100, "images"), rounds=(15, "timed passes of each"))
    figures = vars(options)
    for form in TYPES:  # before this process is large: a child's peak begins with its parent's
        figures[f"{form}: peak MiB added"] = in_child(added_mib, form, options.batch)
    steps = {
        form: routing_step(options.batch, CAPSULES, types, CLASSES) for form, types in TYPES.items()
    }
    figures |= compared(take_turns(steps, options.rounds), "own / shared", unit="ms")
    write_record("weight_sharing", figures)


if __name__ == "__main__":
    main()
