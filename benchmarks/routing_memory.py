"""Memory that routing adds to a training step of the paper's CapsNet, by form.

    python -m benchmarks.routing_memory

The peak of a process that trains a few steps, minus that of a process that trains the network
without routing (one iteration, uniform couplings). Each runs in a process of its own.
"""

from benchmarks.harness import arguments, in_child, peak_mib, write_record

STEPS = 4
FORMS = ("factored", "tile-and-matmul", "einsum")


def peak(form, iterations, batch):
    """The peak in MiB of this process once it has trained."""
    from caps_hvd.system.backend import start_keras

    start_keras()
    from benchmarks.capsnet_step import build, step_of
    from caps_hvd.config.model import CapsNetOptions

    options = CapsNetOptions(preset="paper", routing_iterations=iterations)
    step = step_of(build(options, routing=form), batch)
    for _ in range(STEPS):
        step()
    return peak_mib()


def main():
    batch = arguments(__doc__, batch=(100, "images per step")).batch
    without = in_child(peak, "factored", 1, batch)
    peaks = {form: in_child(peak, form, 3, batch) for form in FORMS}
    figures = {"batch": batch, "no routing: peak MiB": without}
    figures |= {f"{form}: peak MiB": value for form, value in peaks.items()}
    figures |= {f"{form}: routing MiB": value - without for form, value in peaks.items()}
    for form in FORMS[1:]:
        share = (peaks["factored"] - without) / (peaks[form] - without)
        figures[f"factored / {form}: routing"] = share
    write_record("routing_memory", figures)


if __name__ == "__main__":
    main()
