"""Peak memory of routing far more capsules and classes than MNIST has, forward and backward.

    python -m benchmarks.large_routing

A batch of 128, 3,872 input capsules of 8 components, 196 classes of 16: the prediction tensor
alone would take 5.8 GiB. The limit is on the working memory of routing; the rest of the peak is
TensorFlow (0.7 GiB), and weights, gradients and what is added to them (0.36 GiB each).
"""

import time

import numpy as np

from benchmarks.harness import arguments, in_child, peak_mib, write_record
from benchmarks.weight_sharing import routing_step

BATCH, CAPSULES, CLASSES = 128, (3872, 8), (196, 16)


def route(memory_mib):
    """The peak in MiB and the seconds of routing under a limit."""
    step = routing_step(BATCH, CAPSULES, CAPSULES[0], CLASSES, memory_mib=float(memory_mib))
    step()
    start = time.perf_counter()
    gradients = step()
    seconds = time.perf_counter() - start
    if not all(np.isfinite(gradient.numpy()).all() for gradient in gradients):
        raise SystemExit("a gradient is not finite")
    return peak_mib(), seconds


def main():
    limits = arguments(__doc__, memory_mib=([512, 256], "limits of routing's memory")).memory_mib
    figures = {"batch": BATCH, "input capsules": f"{CAPSULES[0]} x {CAPSULES[1]}D"}
    figures |= {"classes": f"{CLASSES[0]} x {CLASSES[1]}D"}
    for limit in limits:
        peak, seconds = in_child(route, limit)
        figures[f"memory_mib={limit}: peak MiB"] = peak
        figures[f"memory_mib={limit}: seconds"] = seconds
    write_record("large_routing", figures)


if __name__ == "__main__":
    main()
