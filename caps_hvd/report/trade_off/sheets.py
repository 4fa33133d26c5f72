"""The tables of a trade-off in the source's form, from numbers to words: measured, and published.

Measured and published figures never share a table.
"""

from caps_hvd.records.axes import word, words
from caps_hvd.report.published import fastrcaps as published
from caps_hvd.report.scaling.sheets import about_missing, cells
from caps_hvd.report.scaling.table import failures
from caps_hvd.report.sheet import PLUS_MINUS, Section, Sheet
from caps_hvd.report.trade_off.configurations import Configuration, TradeOff

_DATASETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}


def measured(trade_off: TradeOff) -> Sheet:
    """How well, how soon, how large: one row for each configuration.

    The axis with the most values has a column, every combination of the others a section.
    """
    found = trade_off.configurations
    row_axis, others = _axes(trade_off)
    sections: dict[str, list[Configuration]] = {}
    for each in found:
        sections.setdefault(_label(each, others), []).append(each)
    ordered = [each for members in sections.values() for each in members]
    several = len({each.seeds for each in ordered}) > 1
    columns = {
        (words(row_axis), ""): [word(each.axes[row_axis]) for each in ordered],
        ("seeds", ""): [str(each.seeds) if several else "" for each in ordered],
        ("accuracy", "%"): _accuracies(ordered),
        ("best", "epoch"): [str(each.best_epoch) for each in ordered],
        ("time", "s/epoch"): cells(each.seconds_per_epoch for each in ordered),
        ("product", "s"): cells(each.epochs_times_seconds for each in ordered),
        ("measured", "s"): cells(each.seconds_to_best for each in ordered),
        ("baseline's", "epoch"): _known(each.epochs_to_baseline for each in ordered),
        ("baseline's", "s"): cells(each.seconds_to_baseline for each in ordered),
        ("parameters", ""): [f"{each.parameters:,}" for each in ordered],
        ("Pareto", ""): ["yes" if each in trade_off.pareto else "" for each in ordered],
        ("chosen", ""): ["yes" if each is trade_off.chosen else "" for each in ordered],
    }
    rows = iter(zip(*columns.values(), strict=True))
    return Sheet(
        key=f"{''.join(sign if sign.isalnum() else '-' for sign in trade_off.name)}-trade-off",
        title=f"{trade_off.name}: accuracy, time and size, measured",
        columns=tuple(columns),
        sections=tuple(
            Section(label=label, rows=tuple(next(rows) for _ in members))
            for label, members in sections.items()
        ),
        notes=tuple(_notes(trade_off)),
    ).without_empty_columns()


def as_published() -> Sheet:
    """The source's table, with the times that follow from its seconds per epoch."""
    columns = {
        ("policy", ""): [row.policy for row in published.ROWS],
        ("sharing", ""): [word(row.sharing) for row in published.ROWS],
        ("accuracy", "%"): cells(
            (row.accuracy for row in published.ROWS), scale=100, decimals=2
        ),
        ("best", "epoch"): [str(row.epoch) for row in published.ROWS],
        ("best", "s"): cells(row.seconds_to_best for row in published.ROWS),
        ("to fixed's best", "epoch"): _known(row.epochs_to_fixed for row in published.ROWS),
        ("to fixed's best", "s"): cells(row.seconds_to_fixed for row in published.ROWS),
    }  # fmt: skip
    rows = list(zip(*columns.values(), strict=True))
    return Sheet(
        key="published-policies",
        title=f"Published: CapsNet, {published.EPOCHS} epochs, {published.RUNS} runs each",
        columns=tuple(columns),
        sections=tuple(
            Section(
                label=name,
                rows=tuple(
                    row
                    for row, each in zip(rows, published.ROWS, strict=True)
                    if each.dataset == dataset
                ),
            )
            for dataset, name in _DATASETS.items()
        ),
        notes=(
            "Accuracies and epochs are the source's; the seconds follow from its "
            + ", ".join(
                f"{each:g} s per epoch at batch {batch}"
                for batch, each in published.SECONDS_PER_EPOCH.items()
                if batch in (published.FIRST_BATCH, published.BATCH)
            )
            + f": adabatch and warmadabatch begin with {published.FIRST_EPOCHS} epochs at batch "
            f"{published.FIRST_BATCH}.",
            "Fixed's best: the accuracy of the fixed policy without sharing.",
            "The source's adabatch does not grow its batch here; its sharing includes the small "
            "decoder.",
            _about_claim(),
            "LeNet-5 under the source's policies, in its order: "
            + ", ".join(f"{100 * each:.2f}" for each in published.LENET5_ACCURACIES)
            + " %.",
            f"Source: {published.CITATION}",
        ),
    )


def _about_claim() -> str:
    warm, fixed, reduction = published.own_reduction()
    mnist = {row.policy: row for row in reversed(published.ROWS) if row.dataset == "mnist"}
    epochs = mnist["warmadabatch"].epochs_to_fixed, mnist["fixed"].epoch
    each = published.SECONDS_PER_EPOCH
    return (
        f"The source claims {100 * published.CLAIMED_REDUCTION:.1f} % less training time. From its "
        "own times, warmadabatch reaches the fixed policy's accuracy on MNIST after "
        f"{epochs[0]} x {each[published.FIRST_BATCH]:g} = {warm:,.0f} s, and the fixed policy "
        f"itself after {epochs[1]} x {each[published.BATCH]:g} = {fixed:,.0f} s: "
        f"{100 * reduction:.0f} % less."
    )


def _axes(trade_off) -> tuple[str, list[str]]:
    """The axis of the rows, and the others that tell configurations apart."""
    values = {
        name: {word(each.axes[name]) for each in trade_off.configurations}
        for name in trade_off.configurations[0].axes
    }
    row_axis = max(values, key=lambda name: len(values[name]))
    return row_axis, [n for n, found in values.items() if n != row_axis and len(found) > 1]


def _label(configuration, names) -> str:
    return ", ".join(f"{words(name)} {word(configuration.axes[name])}" for name in names)


def _accuracies(configurations) -> list[str]:
    return [
        f"{100 * each.best_accuracy:.2f}"
        + (f"{PLUS_MINUS}{100 * each.best_spread:.2f}" if each.seeds > 1 else "")
        for each in configurations
    ]


def _known(values) -> list[str]:
    return ["" if value is None else str(value) for value in values]


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
    yield (
        "Time: of training, median without the first epoch after a start. Product: best "
        "epoch times that, as the source counts. Measured: seconds of the epochs up to the best "
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
    if chosen:
        yield f"Chosen by {trade_off.choice.describe()}: {chosen.name}."
    else:
        yield f"Chosen by {trade_off.choice.describe()}: none."
    yield from about_missing(
        failures(trade_off.missing),
        [point.name for point in trade_off.missing if point.status != "failed"],
    )
