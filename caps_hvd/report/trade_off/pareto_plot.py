"""Picture of the Pareto set in space: accuracy upwards, over seconds to it and parameters.

Depth cannot be seen on paper, so every point stands on a line from the floor and has a number,
which the list beside the picture resolves.
"""

import math

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from mpl_toolkits.mplot3d import proj3d

from caps_hvd.records.axes import word, words
from caps_hvd.report.plot_style import FAR_APART, INK, QUIET, log_ticks

_SIZE_INCHES = (6.5, 3.7)
_SPACE = (-0.06, -0.1, 0.78, 1.24)  # left, bottom, width, height in parts of the figure
_LIST_LEFT = 0.69
_VIEW = {"elev": 22, "azim": -58}
_MARGIN = 0.08  # of an axis, on either side of the points
_TICKS = 5
_STEM_PARTS = 12  # that numbers keep away from
_NUMBER_POINTS = (9.5, 14.0)  # from a point to the middle of its number; the second if need be
_FROM_LINE_POINTS, _FROM_NUMBER_POINTS = 9.0, 13.0  # from there to the middle of a number
_DIRECTIONS = 16
_MILLION = 1_000_000
_RING = {
    "linestyle": "none", "marker": "o", "markersize": 10, "markerfacecolor": "none",
    "markeredgecolor": INK, "markeredgewidth": 1.0,
}  # fmt: skip
_FILLED = {"linestyle": "none", "marker": "o", "markersize": 5.5, "color": QUIET}


def figure(trade_off, looks) -> Figure:
    """Draws best accuracy over seconds to it and parameters, one point for each configuration.

    Filled points are the Pareto set, the ring is around the one that was chosen.

    Args:
        trade_off: a `TradeOff`.
        looks: name of a configuration -> its `ConfigurationStyle`.
    """
    drawn = Figure(figsize=_SIZE_INCHES)
    axes = drawn.add_axes(_SPACE, projection="3d")
    configurations = trade_off.configurations
    seconds = [each.seconds_to_best for each in configurations]
    logarithmic = max(seconds) > FAR_APART * min(seconds)
    places = [
        (
            math.log10(each.seconds_to_best) if logarithmic else each.seconds_to_best,
            each.parameters / _MILLION,
            100 * each.best_accuracy,
        )
        for each in configurations
    ]
    floor = _set_up(axes, places)
    if logarithmic:  # matplotlib has no such axis in space
        ticks = log_ticks(min(seconds), max(seconds))
        axes.set_xticks(list(map(math.log10, ticks)), [f"{tick:g}" for tick in ticks])
    for each, place in zip(configurations, places, strict=True):
        _point(axes, place, floor, looks[each.name], each in trade_off.pareto)
    if trade_off.chosen is not None:
        place = places[configurations.index(trade_off.chosen)]
        axes.plot(*([value] for value in place), zorder=6, **_RING)
    _number(axes, places, floor)
    _list(drawn, trade_off, looks)
    return drawn


def _set_up(axes, places) -> float:
    """Ranges and names of the axes; gives the height of the floor."""
    axes.view_init(**_VIEW)
    axes.set_proj_type("persp", focal_length=0.6)
    axes.set_box_aspect((1.25, 1, 0.85), zoom=0.86)
    names = ("seconds to the best accuracy", "parameters, million", "best accuracy, %")
    for name, values, letter in zip(names, zip(*places, strict=True), "xyz", strict=True):
        low, high = min(values), max(values)
        margin = _MARGIN * (high - low) or 0.05 * abs(high) or 1.0
        getattr(axes, f"set_{letter}lim")(low - margin, high + margin)
        getattr(axes, f"set_{letter}label")(name, labelpad=-2)
        axis = getattr(axes, f"{letter}axis")
        axis.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color(QUIET)
    axes.tick_params(pad=-1, labelsize=7)
    axes.tick_params("z", pad=2)
    axes.zaxis.labelpad = 1
    return axes.get_zlim()[0]


def _point(axes, place, floor, look, best) -> None:
    x, y, z = place
    axes.plot([x, x], [y, y], [floor, z], color=look.colour, linewidth=0.7, zorder=3)
    axes.plot([x], [y], [floor], color=QUIET, linestyle="none", marker=".", markersize=3, zorder=2)
    axes.plot([x], [y], [z], zorder=5 if best else 4, **_marker(look, best))


def _marker(look, best) -> dict:
    return {
        "linestyle": "none", "marker": look.marker, "markersize": 5.5,
        "markeredgecolor": look.colour, "markeredgewidth": 1.1,
        "markerfacecolor": look.colour if best else "white",
    }  # fmt: skip


def _number(axes, places, floor) -> None:
    """Puts its number beside each point, in the first direction with room, or the one with most."""
    turns = [2 * math.pi * turn / _DIRECTIONS for turn in range(_DIRECTIONS)]
    spots = [
        (far * math.cos(turn), far * math.sin(turn)) for far in _NUMBER_POINTS for turn in turns
    ]
    taken = []  # places, and how far to keep from them: points and their lines, then numbers
    for x, y, z in places:
        heights = [floor + (z - floor) * part / _STEM_PARTS for part in range(_STEM_PARTS + 1)]
        taken += [(_on_paper(axes, (x, y, height)), _FROM_LINE_POINTS) for height in heights]
    for number, place in enumerate(places, start=1):
        x, y = _on_paper(axes, place)
        dx, dy = max(
            spots,
            key=lambda spot: min(
                1.0, *(math.dist((x + spot[0], y + spot[1]), each) / far for each, far in taken)
            ),
        )
        taken.append(((x + dx, y + dy), _FROM_NUMBER_POINTS))
        across, up, _ = proj3d.proj_transform(*place, axes.get_proj())
        axes.annotate(
            str(number), (across, up), (dx, dy), textcoords="offset points", fontsize=7,
            color=INK, ha="center", va="center", zorder=7,
        )  # fmt: skip


def _on_paper(axes, place) -> tuple[float, float]:
    """Where a point of space is drawn, in points of 1/72 inch."""
    x, y, _ = proj3d.proj_transform(*place, axes.get_proj())
    across, up = axes.transData.transform((x, y)) * 72 / axes.figure.dpi
    return across, up


def _list(drawn, trade_off, looks) -> None:
    """Puts a list beside the axes that says what numbers, fillings and ring mean."""
    varied = trade_off.axes or list(trade_off.configurations[0].axes)
    handles, names = [], []
    for number, each in enumerate(trade_off.configurations, start=1):
        handles.append(Line2D([], [], **_marker(looks[each.name], each in trade_off.pareto)))
        names.append(f"{number}  " + ", ".join(word(each.axes[axis]) for axis in varied))
    handles.append(Line2D([], [], **_FILLED))
    names.append("Pareto set")
    if trade_off.chosen is not None:
        handles.append(Line2D([], [], **_RING))
        names.append("chosen")
    drawn.legend(
        handles, names, loc="center left", bbox_to_anchor=(_LIST_LEFT, 0.5), frameon=False,
        handlelength=1.2, handletextpad=0.6, labelspacing=0.5, fontsize=6.5, title_fontsize=7,
        title=", ".join(map(words, varied)), alignment="left",
    )  # fmt: skip
