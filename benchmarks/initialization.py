"""Test accuracy of both initializations where the published one is at home: one epoch of MNIST.

    python -m benchmarks.initialization

The paper's CapsNet, and eight lanes of width 4, with all else at its default, on two ranks. The
runs are kept in a folder; started again, the benchmark goes on where it was.
"""

import math
import statistics
from pathlib import Path

from benchmarks import harness, kept_runs
from benchmarks.learns import FORMS

NETWORKS = {
    "capsnet paper": ("--preset", "paper"),
    "mlcn 8 lanes of width 4": ("--model", "mlcn", "--lanes", "8", "--lane-width", "4"),
}


def main():
    options = harness.arguments(
        __doc__,
        networks=(list(NETWORKS), "to train"),
        seeds=(3, "runs of each"),
        ranks=(2, "of each run"),
        train_samples=(60000, "training images"),
        folder=("runs/initialization", "that holds the runs"),
    )
    figures = {}
    for network in options.networks:
        words = (*NETWORKS[network], "--dataset", "mnist", "--epochs", 1, "--threads", 1)
        words += ("--train-samples", options.train_samples)
        found = {form: [] for form in FORMS}
        for seed in range(options.seeds):
            for form, values in found.items():
                run = Path(options.folder, f"{network}-{form}-{seed}".replace(" ", "-"))
                these = (*words, "--initialization", form, "--seed", seed)
                result = kept_runs.train(run, these, options.ranks).result
                values.append(100 * result.test_accuracy)
        for form, values in found.items():
            figures[f"{network}, {form}: test accuracy, %"] = statistics.fmean(values)
            figures[f"{network}, {form}: each"] = values
        pairs = zip(found["scaled"], found["published"], strict=True)
        differences = [new - old for new, old in pairs]
        error = statistics.stdev(differences) / math.sqrt(len(differences))
        figures[f"{network}, scaled - published, points"] = [statistics.fmean(differences), error]
    facts = {"ranks": options.ranks, "training images": options.train_samples}
    harness.write_record("initialization", facts | figures)


if __name__ == "__main__":
    main()
