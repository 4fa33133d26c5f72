"""Time and memory of routing with transformations of each capsule's own, and with shared ones.

    python -m benchmarks.weight_sharing

Forward and backward, 1,152 capsules of 8 components to 10 classes of 16, as in the paper's CapsNet
for MNIST; shared are the transformations of 32 types over 36 positions.
"""

import argparse
import json

from benchmarks.harness import in_child, medians, peak_mib, ratio, take_turns, write_record

IN_CAPSULES, IN_DIM, CLASSES, OUT_DIM = 1152, 8, 10, 16
TYPES = {"own": IN_CAPSULES, "shared": 32}


def step(form, batch):
    """Returns a function that routes a batch, and gives the gradients once they are there."""
    import tensorflow as tf

    from caps_hvd.ops.routing import dynamic_routing

    weights = tf.Variable(tf.random.normal((IN_DIM, CLASSES, OUT_DIM, TYPES[form]), stddev=0.1))
    capsules = tf.random.normal((batch, IN_CAPSULES, IN_DIM), stddev=0.3)

    @tf.function(input_signature=[tf.TensorSpec((None, IN_CAPSULES, IN_DIM))], autograph=False)
    def forward_and_backward(capsules):
        with tf.GradientTape() as tape:
            tape.watch(capsules)
            loss = tf.reduce_sum(dynamic_routing(capsules, weights, 3) ** 2)
        return tape.gradient(loss, [capsules, weights])

    return lambda: forward_and_backward(capsules)


def child(form, batch):
    """Prints by how much the routing of `batch` images raises the peak of a process."""
    step(form, 1)()  # TensorFlow, weights and their gradient
    before = peak_mib()
    run = step(form, batch)
    for _ in range(3):
        run()
    print(json.dumps({"mib": peak_mib() - before}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=100, help="images")
    parser.add_argument("--rounds", type=int, default=15, help="timed passes of each")
    parser.add_argument("--child", choices=TYPES, help="measure the memory of one form")
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.batch)
    figures = {"batch": options.batch, "rounds": options.rounds}
    for form in TYPES:  # before this process is large: a child's peak begins with its parent's
        arguments = ("--batch", options.batch, "--child", form)
        result = in_child("benchmarks.weight_sharing", *arguments)
        figures[f"{form}: peak MiB added"] = result["mib"]
    seconds = take_turns({form: step(form, options.batch) for form in TYPES}, options.rounds)
    figures |= {f"{form}: ms": 1000 * value for form, value in medians(seconds).items()}
    figures["own / shared"] = ratio(seconds, "own", "shared")
    write_record("weight_sharing", figures)


if __name__ == "__main__":
    main()
