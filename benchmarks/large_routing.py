"""Peak memory of routing far more capsules and classes than MNIST has, forward and backward.

    python -m benchmarks.large_routing

A batch of 128, 3,872 input capsules of 8 components, 196 classes of 16: the prediction tensor
alone would take 5.8 GiB. The limit is on the working memory of routing; the rest of the peak is
TensorFlow (0.7 GiB), and weights, gradients and what is added to them (0.36 GiB each).
"""

import json
import sys
import time

import numpy as np

from benchmarks.harness import in_child, peak_mib, write_record

BATCH, IN_CAPSULES, IN_DIM, CLASSES, OUT_DIM = 128, 3872, 8, 196, 16


def child(memory_mib):
    import tensorflow as tf

    from caps_hvd.ops.routing import dynamic_routing

    rng = np.random.default_rng(0)
    capsules = tf.constant(rng.normal(size=(BATCH, IN_CAPSULES, IN_DIM)).astype("float32") * 0.3)
    weights = tf.Variable(
        tf.random.normal((IN_DIM, CLASSES, OUT_DIM, IN_CAPSULES), stddev=0.1, seed=0)
    )

    @tf.function
    def step(capsules):
        with tf.GradientTape() as tape:
            tape.watch(capsules)
            outputs = dynamic_routing(capsules, weights, 3, memory_mib=float(memory_mib))
            loss = tf.reduce_sum(outputs**2)
        return tape.gradient(loss, [capsules, weights])

    step(capsules)
    start = time.perf_counter()
    gradients = step(capsules)
    seconds = time.perf_counter() - start
    if not all(np.isfinite(gradient.numpy()).all() for gradient in gradients):
        raise SystemExit("a gradient is not finite")
    print(json.dumps({"peak_mib": peak_mib(), "seconds": seconds}))


def main():
    figures = {"batch": BATCH, "input capsules": f"{IN_CAPSULES} x {IN_DIM}D"}
    figures |= {"classes": f"{CLASSES} x {OUT_DIM}D"}
    for memory_mib in (512, 256):
        result = in_child("benchmarks.large_routing", memory_mib)
        figures[f"memory_mib={memory_mib}: peak MiB"] = result["peak_mib"]
        figures[f"memory_mib={memory_mib}: seconds"] = result["seconds"]
    write_record("large_routing", figures)


if __name__ == "__main__":
    child(sys.argv[1]) if len(sys.argv) > 1 else main()
