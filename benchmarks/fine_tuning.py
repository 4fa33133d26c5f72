"""Test accuracy of networks that go on from one of other classes, against those from scratch.

    python -m benchmarks.fine_tuning

Digits (MNIST) and clothes (Fashion-MNIST) in both directions, ten classes each, few images: a
network of one is trained from scratch, and another begins with its weights on the other data set,
once with all layers trained and once with the convolutions frozen. Everything else is the same. The
runs are kept in a folder; started again, the benchmark goes on where it was.
"""

import statistics
from pathlib import Path

from benchmarks import harness, kept_runs

DATASETS = ("mnist", "fashion_mnist")
WAYS = ("from scratch", "fine tuned", "fine tuned, convolutions frozen")
FROZEN = "convolution,primary_capsules"


def accuracies(folder, options):
    """(data set, way) -> test accuracy of each seed, in per cent."""
    common = (
        *("--preset", options.preset, "--train-samples", str(options.train_samples)),
        *("--test-samples", str(options.test_samples), "--epochs", str(options.epochs)),
        *("--warmup-epochs", "0", "--convolution", "direct", "--batch-size", "50"),
    )
    found = {}
    for seed in range(options.seeds):
        for dataset in DATASETS:
            words = (*common, "--dataset", dataset, "--seed", str(seed))
            scratch = kept_runs.train(folder / f"{dataset}-{seed}", words)
            found.setdefault((dataset, WAYS[0]), []).append(scratch)
        for dataset, other in (DATASETS, DATASETS[::-1]):
            words = (*common, "--dataset", dataset, "--seed", str(seed))
            words = (*words, "--initialize-from", str(folder / f"{other}-{seed}"))
            for way, more in ((WAYS[1], ()), (WAYS[2], ("--freeze", FROZEN))):
                name = f"{dataset}-{seed}-{'frozen' if more else 'tuned'}"
                found.setdefault((dataset, way), []).append(
                    kept_runs.train(folder / name, (*words, *more))
                )
    return {key: [100 * each.result.test_accuracy for each in runs] for key, runs in found.items()}


def figures_of(found):
    """The figures of the record: mean and spread of each way, and differences seed by seed."""
    figures = {}
    for (dataset, way), values in found.items():
        figures[f"{dataset}, {way}: test accuracy, %"] = statistics.fmean(values)
        if len(values) > 1:
            figures[f"{dataset}, {way}: standard deviation"] = statistics.stdev(values)
    for dataset in DATASETS:
        for way in WAYS[1:]:
            pairs = zip(found[dataset, way], found[dataset, WAYS[0]], strict=True)
            gained = [tuned - scratch for tuned, scratch in pairs]
            figures[f"{dataset}, {way}: gained over scratch, points"] = statistics.fmean(gained)
            if len(gained) > 1:
                error = statistics.stdev(gained) / len(gained) ** 0.5
                figures[f"{dataset}, {way}: standard error of the gain"] = error
    return figures


def main():
    options = harness.arguments(
        __doc__,
        preset=("slim", "of the network"),
        train_samples=(2000, "training images"),
        test_samples=(2000, "test images"),
        epochs=(2, "of each run"),
        seeds=(3, "of each way"),
        folder=("runs/fine_tuning", "that holds the runs"),
    )
    found = accuracies(Path(options.folder), options)
    facts = {
        name: getattr(options, name)
        for name in ("preset", "train_samples", "test_samples", "epochs", "seeds")
    }
    harness.write_record("fine_tuning", facts | figures_of(found))


if __name__ == "__main__":
    main()
