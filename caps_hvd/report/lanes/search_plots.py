"""Pictures of searches for lanes: progress, the limits, and the lanes of the best candidate."""

import collections
import itertools
import statistics
from collections.abc import Iterator

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from caps_hvd.lanes.lane import TYPES
from caps_hvd.report.plot_style import (
    COLOURS,
    INK,
    QUIET,
    STYLE,
    handles_of,
    legend_above,
    panel,
    panels,
    set_log_scale,
)

_PANEL_INCHES = 2.3
_FEWEST_LIMITS = 2  # that make a curve
_LARGEST_DOT = 260.0  # points squared


def figures(searches) -> dict[str, Figure]:
    """The pictures by name: `progress`, `lanes` and, for several limits, `limits`.

    Args:
        searches: `SearchResult`s, each with a finished candidate.
    """
    with matplotlib.rc_context(STYLE):
        found = {"progress": _progress(searches), "lanes": _lanes(searches)}
        if len({search.limit for search in searches}) >= _FEWEST_LIMITS:
            found["limits"] = _limits(searches)
        return found


def _progress(searches) -> Figure:
    """Accuracy of each candidate, and the best so far."""
    figure, axes = panel("candidate", f"{searches[0].part} accuracy, %")
    for search, colour in zip(searches, itertools.cycle(COLOURS)):
        name = f"{search.limit:g}×: " if len(searches) > 1 else ""
        best = [(each.number, b) for each, b in zip(search.tried, search.bests, strict=True) if b]
        axes.step(
            *zip(*((number, 100 * value) for number, value in best), strict=True), where="post",
            color=colour, label=f"{name}best so far",
        )  # fmt: skip
        axes.plot(
            *zip(*((each.number, 100 * each.accuracy) for each in search.finished), strict=True),
            "o", color=colour, markerfacecolor="white", zorder=3, label=f"{name}candidates",
        )  # fmt: skip
    if len(searches) == 1:
        for value, style in _levels(*searches):
            axes.axhline(100 * value, **style)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    figure.legend(loc="outside upper center", ncols=2, frameon=False, handlelength=1.8)
    return figure


def _levels(search) -> Iterator[tuple[float, dict]]:
    """Mean accuracies beside a single search, and how they are drawn."""
    if (drawn := search.random_mean) is not None:
        label = "mean of the random ones"
        yield drawn, {"color": QUIET, "linestyle": "--", "linewidth": 1.0, "label": label}
    for best in search.confirmed_candidates[:1]:
        for model, label, colour, line, width in (
            ("baseline", "4 lanes, new seeds", COLOURS[1], ":", 1.2),
            ("best", f"candidate {best.number}, new seeds", COLOURS[2], "-.", 1.0),
        ):
            if found := search.confirmed_accuracies(best.number, model):
                style = {"color": colour, "linestyle": line, "linewidth": width, "label": label}
                yield statistics.mean(found), style


def _limits(searches) -> Figure:
    """Best and mean accuracy over the limit of FLOPs."""
    figure, axes = panel(
        "limit, FLOPs of the model with 4 lanes", f"{searches[0].part} accuracy, %"
    )
    ordered = sorted(searches, key=lambda search: search.limit)
    limits = [search.limit for search in ordered]
    values = [[100 * each.accuracy for each in search.finished] for search in ordered]
    axes.plot(limits, [max(each) for each in values], "o-", color=COLOURS[0], label="best")
    axes.plot(
        limits, [statistics.mean(each) for each in values], "s--", color=COLOURS[1], label="mean"
    )
    axes.set_xlim(limits[0] / 1.2, limits[-1] * 1.2)
    set_log_scale(axes, "x")
    legend_above(figure, handles_of([axes]), ncols=2)
    return figure


def _lanes(searches) -> Figure:
    """How many lanes of each width and depth the best candidate has, a panel for each search."""
    figure, every_axes = panels(
        [f"{each.limit:g} × FLOPs, {len(each.best.lanes)} lanes" for each in searches],
        "width", "depth", columns=len(searches),
        inches=(_PANEL_INCHES * len(searches) + 0.9, 2.7), above_inches=0, sharex=True,
    )  # fmt: skip
    counts = [collections.Counter(search.best.lanes) for search in searches]
    most = max(count for each in counts for count in each.values())
    for axes, search, counted in zip(every_axes, searches, counts, strict=True):
        for lane, count in counted.items():
            place = TYPES.index(lane.type)
            at = lane.width + (0.22 if place else -0.22), lane.depth
            axes.scatter(*at, s=_LARGEST_DOT * (count / most), color=COLOURS[place], linewidths=0)
            axes.annotate(
                str(count), at, textcoords="offset points", xytext=(0, 10), ha="center",
                fontsize=7, color=INK,
            )  # fmt: skip
        axes.set_xlim(0.4, search.facts["lanes.widths"][1] + 0.6)
        axes.set_ylim(0.4, search.facts["lanes.depths"][1] + 0.75)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator("auto", integer=True))
    handles = {
        type: Line2D([], [], marker="o", linestyle="", color=colour)
        for type, colour in zip(TYPES, COLOURS, strict=False)
        if any(lane.type == type for counted in counts for lane in counted)
    }
    legend_above(figure, handles, ncols=2)
    return figure
