"""Whether networks learn on twelve data sets as people bring them, in both initializations.

    python -m benchmarks.learns

Each run is a `caps-hvd train` of two epochs on at most 4,000 images, with a run directory under
`--work`; a run whose record is there is not trained again, so the benchmark goes on where it
stopped.  There are three parts: `slim` on one rank on all sets; and on the sets where the published
initialization was stuck most often, `small` on one rank, and `slim` on four ranks with the scaled
learning rate.  Imbalanced classes are weighted.  A run is stuck where no image moves the scores, or
where its balanced accuracy is not above that of guessing by three standard errors.
"""

import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import harness, kept_runs, learns_sets

FORMS = ("published", "scaled")
FIRST = "slim, 1 rank"
PARTS = {"small, 1 rank": {"preset": "small"}, "slim, 4 ranks": {"ranks": 4}}
SPREAD = 0.001  # of the scores, below which no image moves them


@dataclass(frozen=True)
class Run:
    """One training: a data set, an initialization, a network, ranks and a seed."""

    data: str
    form: str
    preset: str = "slim"
    ranks: int = 1
    seed: int = 0
    model: str = "capsnet"

    @property
    def name(self):
        parts = (self.data, self.form, self.model, self.preset, f"{self.ranks}r", self.seed)
        return "-".join(map(str, parts))

    def directory(self, work) -> Path:
        return Path(work, "runs", self.name)

    def train(self, work, epochs):
        """The record of the run, which is trained where it is not there yet."""
        # Images of 16 pixels are too small for slim; the program itself takes small for them.
        preset = "small" if self.data.endswith("16px") else self.preset
        words = ["--dataset", learns_sets.file_of(self.data, work), "--model", self.model]
        words += ["--preset", preset] if self.model == "capsnet" else []
        words += ["--initialization", self.form, "--seed", self.seed]
        words += ["--epochs", epochs, "--threads", "1"]
        words += ["--class-weights", "balanced"] if self.data.endswith("95_to_5") else []
        if self.ranks > 1:
            # As many steps as on one rank, with the rate that linear scaling gives from the start.
            words += ["--batch-size", 100 // self.ranks, "--warmup-epochs", "0"]
        return kept_runs.train(self.directory(work), words, self.ranks)


def above_guessing(found, test_labels) -> float:
    """A run's balanced accuracy less that of guessing, in standard errors."""
    counts = np.bincount(test_labels)
    chance = 1 / len(counts)
    # The mean over classes of independent shares.
    error = math.sqrt(sum(chance * (1 - chance) / count for count in counts)) / len(counts)
    return (found.result.balanced_accuracy - chance) / error


def stuck(found, test_labels) -> bool:
    """Whether a run's record says that it learnt nothing; see the head of this file."""
    still = found.epochs[-1].test_score_spread < SPREAD
    return still or above_guessing(found, test_labels) <= 3


def figures_of(runs, records, work):
    """Each set's mean accuracies, their paired difference with its standard error, stuck runs."""
    figures = {}
    for data in dict.fromkeys(run.data for run in runs):
        labels = learns_sets.test_labels(data, work)
        found = {}
        for form in FORMS:
            own = [records[run] for run in runs if (run.data, run.form) == (data, form)]
            found[form] = [each.result.balanced_accuracy for each in own]
            are_stuck = [stuck(each, labels) for each in own]
            # By the second epoch, the last.
            named = [each.epochs[-1].state is not None for each in own]
            figures[f"{data}, {form}"] = {
                "balanced accuracy": statistics.fmean(found[form]),
                "each": found[form],
                "standard errors above guessing": statistics.fmean(
                    above_guessing(each, labels) for each in own
                ),
                "stuck": sum(are_stuck),
                "stuck and named": sum(a and b for a, b in zip(are_stuck, named, strict=True)),
                "named, not stuck": sum(b and not a for a, b in zip(are_stuck, named, strict=True)),
            }
        pairs = zip(found["scaled"], found["published"], strict=True)
        differences = [new - old for new, old in pairs]
        error = statistics.stdev(differences) / math.sqrt(len(differences))
        figures[f"{data}, scaled - published"] = [statistics.fmean(differences), error]
    return figures


def most_often_stuck(figures, count):
    """The sets where most runs of the published form were stuck; of equals, the nearest to it."""
    names = {key.rsplit(", ", 1)[0] for key in figures}
    published = {name: figures[f"{name}, published"] for name in names}
    above = {name: each["standard errors above guessing"] for name, each in published.items()}
    return sorted(published, key=lambda name: (-published[name]["stuck"], above[name]))[:count]


def main():
    options = harness.arguments(
        __doc__,
        work=("runs/learns", "folder of the data sets and runs"),
        sets=(list(learns_sets.SETS), "data sets of the first part"),
        seeds=(3, "runs of each in the first part"),
        hard_sets=(4, "sets of the other parts"),
        hard_seeds=(5, "runs of each in the other parts"),
        parts=(list(PARTS), "the other parts"),
        epochs=(2, "of each run"),
        workers=(2, "runs at a time, each on one core"),
    )
    for name in options.sets:  # before two runs make the same
        learns_sets.file_of(name, options.work)

    def part(runs):
        with ThreadPoolExecutor(options.workers) as pool:
            every = pool.map(lambda run: run.train(options.work, options.epochs), runs)
            return figures_of(runs, dict(zip(runs, every, strict=True)), options.work)

    def runs_of(sets, seeds, **about):
        return [
            Run(data, form, seed=seed, **about)
            for data in sets
            for seed in range(seeds)
            for form in FORMS
        ]

    figures = {FIRST: part(runs_of(options.sets, options.seeds))}
    hard = most_often_stuck(figures[FIRST], options.hard_sets)
    for title in options.parts:
        figures[title] = part(runs_of(hard, options.hard_seeds, **PARTS[title]))
    lenet5 = [
        Run("cats_dogs", "scaled", model="lenet5", seed=seed) for seed in range(options.seeds)
    ]
    figures["cats_dogs, lenet5, standardised"] = [
        run.train(options.work, options.epochs).result.balanced_accuracy for run in lenet5
    ]
    harness.write_record("learns", vars(options) | figures)


if __name__ == "__main__":
    main()
