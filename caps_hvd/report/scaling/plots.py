"""Pictures of how training scales, in the size of one column of a paper.

Measured: solid, with a bar for the spread. Predicted by the scale model: dashed. Published by
Distributed CapsNet: open markers.
"""

import itertools
import math

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from caps_hvd.report.columns import mean
from caps_hvd.report.plot_style import (
    COLOURS,
    INK,
    MARKERS,
    QUIET,
    SIZE_INCHES,
    STYLE,
    handles_of,
    legend_above,
    panel,
    panels,
    set_log_scale,
)
from caps_hvd.report.published import distributed_capsnet
from caps_hvd.report.scaling.table import EVALUATION, ScalingTable

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
_ORDER = ("measured", "predicted", "Distributed", _IDEAL)


def figures(table: ScalingTable, predictions=None, with_published=False) -> dict[str, Figure]:
    """The pictures of a table, by name.

    Args:
        predictions: `Predictions` of the table, None for none.
        with_published: whether to draw the points of Distributed CapsNet; their seconds only
            beside epochs of as many images.
    """
    predicted = predictions.lines if predictions else [()] * len(table.groups)
    published = [each for each in distributed_capsnet.SET_UPS if each.points and with_published]
    # Seconds of epochs of another size would only squeeze ours together.
    alike = published if table.epoch_images == {distributed_capsnet.TRAIN_IMAGES} else []
    work = [group.rows[0].count * group.rows[0].seconds_per_epoch.mean for group in table.groups]
    fewest = min(group.rows[0].count for group in table.groups)
    with matplotlib.rc_context(STYLE):
        drawn = {
            "seconds-per-epoch": _over_counts(
                table, predicted, alike, "seconds_per_epoch", "seconds per epoch",
                ideals=[lambda count, seconds=seconds: seconds / count for seconds in work],
            ),
            "speed-up": _over_counts(
                table, predicted, published, "speed_up", "speed-up",
                ideals=[lambda count: count / fewest],
            ),
            "efficiency": _over_counts(
                table, predicted, published, "efficiency", "efficiency, %",
                ideals=[lambda count: 100.0], scale=100,
            ),
        }  # fmt: skip
        if any(row.shares for row in table.rows):
            drawn["time-shares"] = _time_shares(table)
    return drawn


def _over_counts(table, predicted, published, name, upward, ideals, scale=1) -> Figure:
    """What was measured, predicted and published of a quantity, and what would be ideal."""
    figure, axes = panel(table.across, upward)
    looks = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS))
    for group, line, (colour, marker) in zip(table.groups, predicted, looks, strict=False):
        label = f", {group.label}" if group.label else ""
        spreads = [getattr(row, f"{name}_plus_minus") or 0.0 for row in group.rows]
        axes.errorbar(
            [row.count for row in group.rows],
            [scale * mean(getattr(row, name)) for row in group.rows],
            yerr=[scale * each for each in spreads], color=colour, marker=marker,
            label=f"measured{label}", capsize=2.0, elinewidth=0.9, zorder=3,
        )  # fmt: skip
        if line:
            axes.plot(
                [each.count for each in line], [scale * getattr(each, name) for each in line],
                label=f"predicted{label}", linestyle="--", linewidth=1.1, zorder=2, color=colour,
            )  # fmt: skip
    for set_up in published:
        axes.plot(
            list(set_up.points), [scale * getattr(each, name) for each in set_up.points.values()],
            label=f"{distributed_capsnet.NAME} ({set_up.computes_on})",
            color=INK, marker=_PUBLISHED_MARKERS[set_up.number], linestyle="none",
            markerfacecolor="none", markersize=6.5, zorder=4,
        )  # fmt: skip
    counts = sorted({row.count for row in table.rows}.union(*(each.points for each in published)))
    for ideal in ideals:
        axes.plot(
            counts, list(map(ideal, counts)), label=_IDEAL, color=QUIET, linestyle=":",
            linewidth=1.0, zorder=1,
        )  # fmt: skip
    _set_scales(axes, counts, name)
    _add_legend(figure, axes)
    return figure


def _set_scales(axes, counts, name) -> None:
    """Logarithmic axes for seconds and for far counts, except that of efficiencies."""
    logarithmic = name == "seconds_per_epoch" or counts[-1] > _WIDE * counts[0]
    if logarithmic:
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, None)
    if name == "efficiency":
        axes.set_ylim(0, max(105, axes.get_ylim()[1]))
    elif logarithmic:
        set_log_scale(axes, "y")
    else:
        axes.set_ylim(0, None)
    if counts[0] == counts[-1] and logarithmic:
        axes.set_xlim(counts[0] / 2, counts[0] * 2)
    axes.xaxis.set_major_locator(FixedLocator(_apart(counts, logarithmic)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _time_shares(table):
    groups = [group for group in table.groups if any(row.shares for row in group.rows)]
    groups = groups[:_MOST_PANELS]
    width, height = SIZE_INCHES
    columns = min(2, len(groups))
    figure, every_axes = panels(
        [group.label for group in groups], table.across, "share of an epoch's time, %",
        columns=columns, inches=(width * (1.0 if columns == 1 else 1.6), height - 0.35),
        above_inches=0.35, sharex=False,
    )  # fmt: skip
    for group, axes in zip(groups, every_axes, strict=True):
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
    handles = handles_of(every_axes[:1])
    legend_above(figure, handles, ncols=len(handles), handlelength=1.0, handletextpad=0.4,
                 columnspacing=0.9)  # fmt: skip
    return figure


def _add_legend(figure, axes) -> None:
    handles = handles_of([axes])
    names = sorted(handles, key=lambda name: _ORDER.index(name.split()[0].rstrip(",")))
    holder, where = axes, "best"
    if len(names) > _MOST_NAMES_INSIDE:  # beside the axes; they would hide the lines
        figure.set_figwidth(SIZE_INCHES[0] * 1.5)
        holder, where = figure, "outside right upper"
    holder.legend(
        [handles[name] for name in names], names, framealpha=0.8, edgecolor="none", fancybox=False,
        handlelength=2.2, labelspacing=0.3, loc=where,
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
