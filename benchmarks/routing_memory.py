"""Memory that routing adds to a training step of the paper's CapsNet, by form.

    python -m benchmarks.routing_memory

The peak of a process that trains a few steps, minus that of a process that trains the network
without routing (one iteration, uniform couplings). Each runs in a process of its own.
"""

import json
import sys

from benchmarks.harness import in_child, peak_mib, write_record

STEPS = 4
FORMS = ("factored", "tile-and-matmul", "einsum")


def child(form, iterations, batch):
    from benchmarks.capsnet_step import build, stepper

    step = stepper(build(form, int(iterations)), int(batch))
    for _ in range(STEPS):
        step()
    print(json.dumps({"peak_mib": peak_mib()}))


def main(batch=100):
    def peak(form, iterations):
        return in_child("benchmarks.routing_memory", form, iterations, batch)["peak_mib"]

    without = peak("factored", 1)
    peaks = {form: peak(form, 3) for form in FORMS}
    figures = {"batch": batch, "no routing: peak MiB": without}
    figures |= {f"{form}: peak MiB": value for form, value in peaks.items()}
    figures |= {f"{form}: routing MiB": value - without for form, value in peaks.items()}
    for form in FORMS[1:]:
        share = (peaks["factored"] - without) / (peaks[form] - without)
        figures[f"factored / {form}: routing"] = share
    write_record("routing_memory", figures)


if __name__ == "__main__":
    child(*sys.argv[1:]) if len(sys.argv) > 1 else main()
