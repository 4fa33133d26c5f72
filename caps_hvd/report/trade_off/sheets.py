"""Tables of a trade-off in the form of FasTrCaps: measured, and published.

Measured and published figures never share a table.
"""

from caps_hvd.records.axes import axis_values, word, words
from caps_hvd.report.columns import Column, percent, tabulate
from caps_hvd.report.published import fastrcaps as published
from caps_hvd.report.sheet import Sheet, key_of
from caps_hvd.report.trade_off.configurations import Configuration, TradeOff, described

_DATASETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}


def measured(trade_off: TradeOff) -> Sheet:
    """Accuracy, time and size: one row for each configuration.

    The axis with the most values has a column, every combination of the others a section.
    """
    found = trade_off.configurations
    values = axis_values([each.axes for each in found])
    row_axis = max(values, key=lambda axis: len(values[axis]))
    others = [axis for axis in trade_off.axes if axis != row_axis]
    sections: dict[str, list[Configuration]] = {}
    for each in found:
        sections.setdefault(described(each.axes, others), []).append(each)
    several = len({each.seeds for each in found}) > 1
    return tabulate(
        (
            Column(words(row_axis), "", lambda each: word(each.axes[row_axis])),
            Column("seeds", "", lambda each: each.seeds if several else None),
            Column("accuracy", "%", _accuracy),
            Column("test", "%", lambda each: each.test_accuracy, 100, 2),
            Column("best", "epoch", lambda each: each.best_epoch),
            Column("time", "s/epoch", lambda each: each.seconds_per_epoch),
            Column("product", "s", lambda each: each.epochs_times_seconds),
            Column("measured", "s", lambda each: each.seconds_to_best),
            Column("baseline's", "epoch", lambda each: each.epochs_to_baseline),
            Column("baseline's", "s", lambda each: each.seconds_to_baseline),
            Column("parameters", "", lambda each: f"{each.parameters:,}"),
            Column("Pareto", "", lambda each: "yes" if each in trade_off.pareto else None),
            Column("chosen", "", lambda each: "yes" if each is trade_off.chosen else None),
        ),
        sections.items(),
        key=key_of(trade_off.name, "trade-off"),
        title=f"{trade_off.name}: accuracy, time and size, measured",
        notes=tuple(_notes(trade_off)),
    )


def as_published() -> Sheet:
    """The table of FasTrCaps, with the times that follow from its seconds per epoch."""
    return tabulate(
        (
            Column("policy", "", lambda row: row.policy),
            Column("sharing", "", lambda row: word(row.sharing)),
            Column("accuracy", "%", lambda row: row.accuracy, 100, 2),
            Column("best", "epoch", lambda row: row.epoch),
            Column("best", "s", lambda row: row.seconds_to_best),
            Column("to fixed's best", "epoch", lambda row: row.epochs_to_fixed),
            Column("to fixed's best", "s", lambda row: row.seconds_to_fixed),
        ),
        [
            (name, [row for row in published.ROWS if row.dataset == dataset])
            for dataset, name in _DATASETS.items()
        ],
        key="published-policies",
        title=f"Published: CapsNet, {published.EPOCHS} epochs, {published.RUNS} runs each",
        notes=(
            "Accuracies and epochs are those of FasTrCaps; the seconds follow from its "
            + ", ".join(
                f"{each:g} s per epoch at batch {batch}"
                for batch, each in published.SECONDS_PER_EPOCH.items()
                if batch in (published.FIRST_BATCH, published.BATCH)
            )
            + f": adabatch and warmadabatch begin with {published.FIRST_EPOCHS} epochs at batch "
            f"{published.FIRST_BATCH}.",
            "Fixed's best: the accuracy of the fixed policy without sharing.",
            "Adabatch of FasTrCaps does not grow its batch here; its sharing includes the small "
            "decoder.",
            _about_claim(),
            "LeNet-5 under the policies of FasTrCaps, in its order: "
            + ", ".join(f"{100 * each:.2f}" for each in published.LENET5_ACCURACIES)
            + " %.",
            f"FasTrCaps: {published.CITATION}",
        ),
    )


def _about_claim() -> str:
    warm, fixed, reduction = published.own_reduction()
    mnist = {row.policy: row for row in reversed(published.ROWS) if row.dataset == "mnist"}
    epochs = mnist["warmadabatch"].epochs_to_fixed, mnist["fixed"].epoch
    each = published.SECONDS_PER_EPOCH
    return (
        f"FasTrCaps claims {100 * published.CLAIMED_REDUCTION:.1f} % less training time. From its "
        "own times, warmadabatch reaches the fixed policy's accuracy on MNIST after "
        f"{epochs[0]} x {each[published.FIRST_BATCH]:g} = {warm:,.0f} s, and the fixed policy "
        f"itself after {epochs[1]} x {each[published.BATCH]:g} = {fixed:,.0f} s: "
        f"{100 * reduction:.0f} % less."
    )


def _accuracy(configuration) -> str:
    spread = configuration.best_spread if configuration.seeds > 1 else None
    return percent(configuration.best_accuracy, spread)


def _notes(trade_off):
    base, chosen = trade_off.baseline, trade_off.chosen
    counts = {each.seeds for each in trade_off.configurations}
    if counts == {1}:
        yield "Accuracy: of the best epoch, the first of several; one seed each."
    else:
        many = f"{counts.pop()} " if len(counts) == 1 else ""
        yield (
            "Accuracy: of the best epoch, the first with the highest mean over the "
            f"{many}seeds, ± sample standard deviation."
        )
    if trade_off.part == "validation":
        yield (
            "Accuracies are of the validation images, which choose; test: of the test images, with "
            "the weights that each run has kept."
        )
    yield (
        "Time: of training, median without the first epoch after a start. Product: best "
        "epoch times that, as FasTrCaps counts. Measured: seconds of the epochs up to the best "
        "one, summed up."
    )
    if base is None:
        yield "Baseline: not finished."
    else:
        yield (
            f"Baseline: {base.name}, {100 * base.best_accuracy:.2f} %; baseline's: epoch and "
            "measured seconds in which that is reached."
        )
    yield (
        "Pareto: no other is better in accuracy, measured seconds or parameters and in none of "
        "them worse."
    )
    yield f"Chosen by {trade_off.choice.describe()}: {chosen.name if chosen else 'none'}."
    yield from trade_off.about_missing()
    yield from trade_off.about_stuck()
