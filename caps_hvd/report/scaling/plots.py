"""Pictures of how training scales, in the size of one column of a paper.

Measured: solid, with a bar for the spread. Predicted by the scale model: dashed. Published by the
source: open markers.
"""

import itertools
import math

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from caps_hvd.report.plot_style import COLOURS, INK, QUIET, SIZE_INCHES, STYLE, plain_log_ticks
from caps_hvd.report.published import distributed_capsnet
from caps_hvd.report.scaling.table import EVALUATION, ScalingTable

_MARKERS = "osD^vP"
_PUBLISHED_MARKERS = {1: "s", 2: "^"}
_PARTS = {
    "compute": ("computation", "#0072B2"),
    "exposed_communication": ("communication", "#D55E00"),
    "input": ("input", "#F0E442"),
    "other": ("other", "#9ca3af"),
    EVALUATION: ("evaluation", "#009E73"),
}
_MOST_PANELS = 6
_MOST_NAMES_INSIDE = 6
_WIDE = 40  # from here on, machine counts are drawn on a logarithmic axis
_ROOM = 0.055  # of the axis, for the figures of one count
_IDEAL = "ideal"
_ORDER = ("measured", "predicted", "source", _IDEAL)


def figures(table: ScalingTable, predictions=None, with_published=False) -> dict[str, Figure]:
    """The pictures of a table, by name.

    Args:
        predictions: `Predictions` of the table, None for none.
        with_published: whether to draw the source's points; their seconds only beside epochs of
            as many images.
    """
    predicted = predictions.lines if predictions else ()
    with matplotlib.rc_context(STYLE):
        drawn = {
            "seconds-per-epoch": _seconds_per_epoch(table, predicted, with_published),
            "speed-up": _speed_up(table, predicted, with_published),
            "efficiency": _efficiency(table, predicted, with_published),
        }
        if any(row.shares for group in table.groups for row in group.rows):
            drawn["time-shares"] = _time_shares(table)
    return drawn


def _seconds_per_epoch(table, predicted, with_published):
    figure, axes = _empty(table.across, "seconds per epoch")
    for index, group in enumerate(table.groups):
        spreads = [row.seconds_per_epoch for row in group.rows]
        _measured(axes, index, group, [each.mean for each in spreads],
                  [each.plus_minus for each in spreads])  # fmt: skip
    _predicted(axes, table, predicted, lambda each: each.seconds_per_epoch)
    # Seconds of epochs of another size would only squeeze ours together.
    with_published = with_published and table.epoch_images == {distributed_capsnet.TRAIN_IMAGES}
    if with_published:
        _published(axes, lambda set_up, machines: set_up.seconds_per_epoch[machines])
    counts = _counts(table, with_published)
    for group in table.groups:
        work = group.rows[0].count * group.rows[0].seconds_per_epoch.mean
        _ideal(axes, counts, [work / each for each in counts])
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_log_ticks(axes.yaxis, *axes.get_ylim())
    _finish(figure, axes, counts)
    return figure


def _speed_up(table, predicted, with_published):
    figure, axes = _empty(table.across, "speed-up")
    for index, group in enumerate(table.groups):
        _measured(axes, index, group, [row.speed_up for row in group.rows],
                  [row.speed_up_plus_minus for row in group.rows])  # fmt: skip
    _predicted(axes, table, predicted, lambda each: each.speed_up)
    if with_published:
        _published(axes, distributed_capsnet.SetUp.speed_up)
    counts = _counts(table, with_published)
    fewest = min(group.rows[0].count for group in table.groups)
    _ideal(axes, counts, [each / fewest for each in counts])
    if _wide(counts):
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis, *axes.get_ylim())
    else:
        axes.set_xlim(0, None)
        axes.set_ylim(0, None)
    _finish(figure, axes, counts)
    return figure


def _efficiency(table, predicted, with_published):
    figure, axes = _empty(table.across, "efficiency, %")
    for index, group in enumerate(table.groups):
        spreads = [row.efficiency_plus_minus for row in group.rows]
        _measured(axes, index, group, [100 * row.efficiency for row in group.rows],
                  [None if each is None else 100 * each for each in spreads])  # fmt: skip
    _predicted(axes, table, predicted, lambda each: 100 * each.efficiency)
    if with_published:
        _published(axes, lambda set_up, machines: 100 * set_up.efficiency(machines))
    counts = _counts(table, with_published)
    _ideal(axes, counts, [100.0 for _ in counts])
    if _wide(counts):
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, None)
    axes.set_ylim(0, max(105, axes.get_ylim()[1]))
    _finish(figure, axes, counts)
    return figure


def _time_shares(table):
    groups = [group for group in table.groups if any(row.shares for row in group.rows)]
    groups = groups[:_MOST_PANELS]
    columns = min(2, len(groups))
    lines = math.ceil(len(groups) / columns)
    width, height = SIZE_INCHES
    figure = Figure(
        figsize=(width * (1.0 if columns == 1 else 1.6), 0.35 + (height - 0.35) * lines),
        layout="constrained",
    )
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for group, axes in itertools.zip_longest(groups, panels.flat):
        if group is None:
            axes.set_axis_off()
            continue
        rows = [row for row in group.rows if row.shares]
        places = range(len(rows))
        bottom = [0.0] * len(rows)
        for part, (name, colour) in _PARTS.items():
            heights = [100 * row.shares.get(part, 0.0) for row in rows]
            if any(heights):
                axes.bar(places, heights, bottom=bottom, width=0.62, label=name, color=colour,
                         edgecolor="white", linewidth=0.6)  # fmt: skip
                bottom = [low + high for low, high in zip(bottom, heights, strict=True)]
        axes.set_xticks(places, [str(row.count) for row in rows])
        middle, half = (len(rows) - 1) / 2, max(3, len(rows)) / 2 + 0.1
        axes.set_xlim(middle - half, middle + half)
        axes.set_ylim(0, 100)
        axes.set_title(group.label)
        axes.set_xlabel(table.across)
        if axes in panels[:, 0]:
            axes.set_ylabel("share of an epoch's time, %")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=len(names), frameon=False,
        handlelength=1.0, handletextpad=0.4, columnspacing=0.9,
    )  # fmt: skip
    return figure


def _empty(across, upward):
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(upward)
    axes.grid(True)
    axes.set_axisbelow(True)
    return figure, axes


def _measured(axes, index, group, values, spreads):
    axes.errorbar(
        [row.count for row in group.rows], values,
        yerr=[0.0 if each is None else each for each in spreads],
        label="measured" + (f", {group.label}" if group.label else ""),
        color=COLOURS[index % len(COLOURS)], marker=_MARKERS[index % len(_MARKERS)],
        capsize=2.0, elinewidth=0.9, zorder=3,
    )  # fmt: skip


def _predicted(axes, table, predicted, quantity):
    for index, (group, line) in enumerate(zip(table.groups, predicted, strict=False)):
        axes.plot(
            [each.count for each in line], [quantity(each) for each in line],
            label="predicted" + (f", {group.label}" if group.label else ""),
            color=COLOURS[index % len(COLOURS)], linestyle="--", linewidth=1.1, zorder=2,
        )  # fmt: skip


def _published(axes, quantity):
    for set_up in distributed_capsnet.SET_UPS:
        if set_up.seconds_per_epoch:
            axes.plot(
                list(set_up.seconds_per_epoch),
                [quantity(set_up, machines) for machines in set_up.seconds_per_epoch],
                label=f"source {set_up.number} ({set_up.computes_on})",
                color=INK, marker=_PUBLISHED_MARKERS[set_up.number], linestyle="none",
                markerfacecolor="none", markersize=6.5, zorder=4,
            )  # fmt: skip


def _ideal(axes, counts, values):
    axes.plot(
        counts, values, label=_IDEAL, color=QUIET, linestyle=":", linewidth=1.0, zorder=1
    )  # fmt: skip


def _counts(table, with_published) -> list[int]:
    """Every number of machines that something was measured on."""
    counts = {row.count for group in table.groups for row in group.rows}
    if with_published:
        counts |= {
            each for set_up in distributed_capsnet.SET_UPS for each in set_up.seconds_per_epoch
        }
    return sorted(counts)


def _wide(counts) -> bool:
    return counts[-1] > _WIDE * counts[0]


def _finish(figure, axes, counts):
    if counts[0] == counts[-1] and axes.get_xscale() == "log":
        axes.set_xlim(counts[0] / 2, counts[0] * 2)
    axes.xaxis.set_major_locator(FixedLocator(_apart(counts, axes.get_xscale() == "log")))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    names = sorted(handles, key=lambda name: _ORDER.index(name.split()[0].rstrip(",")))
    where = {"loc": "best"}
    if len(names) > _MOST_NAMES_INSIDE:  # beside the axes; they would hide the lines
        figure.set_figwidth(SIZE_INCHES[0] * 1.5)
        where = {"loc": "outside right upper"}
    (figure if len(names) > _MOST_NAMES_INSIDE else axes).legend(
        [handles[name] for name in names], names, framealpha=0.8, edgecolor="none", fancybox=False,
        handlelength=2.2, labelspacing=0.3, **where,
    )  # fmt: skip


def _apart(counts, logarithmic) -> list[int]:
    """As many counts as have room for their figures, the last one among them."""
    place = math.log if logarithmic else float
    room = _ROOM * (place(counts[-1]) - (place(counts[0]) if logarithmic else 0.0))
    kept = []
    for count in reversed(counts):
        if not kept or place(kept[-1]) - place(count) >= room:
            kept.append(count)
    return sorted(kept)
