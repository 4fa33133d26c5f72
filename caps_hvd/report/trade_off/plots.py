"""Pictures of a trade-off: the Pareto set, accuracy over epochs and over seconds, the rate.

One option has a colour for each of its values, mostly the policy; every combination of the others
has a panel of its own.  The baseline is in every panel, dashed.
"""

import dataclasses
import itertools
import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from caps_hvd.records.axes import axis_values, word, words
from caps_hvd.report.plot_style import (
    COLOURS,
    FAR_APART,
    MARKERS,
    QUIET,
    STYLE,
    handles_of,
    legend_above,
    panels,
    plain,
    set_log_scale,
)
from caps_hvd.report.trade_off import pareto_plot
from caps_hvd.report.trade_off.configurations import TradeOff, described

_PANEL_INCHES = (2.6, 2.1)
_NARROWEST_INCHES = 4.2  # the names above the panels need it
_NAMES_INCHES = 0.55
_NAMES_IN_LINE = 5
_BAND = 0.15  # opacity
_LEAST_ERROR = 0.01  # per cent; an error of 0 has no place on a logarithmic axis


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConfigurationStyle:
    """Colour, marker and panel of a configuration, and what they stand for.

    Args:
        coloured: the option whose values have colours, such as `policy`; may be empty.
        line: its value, such as `warm-restarts`.
        panel: what panel and marker stand for, such as `weight sharing no`; may be empty.
        colour, marker: of matplotlib.
    """

    coloured: str
    line: str
    panel: str
    colour: str
    marker: str


def figures(trade_off: TradeOff) -> dict[str, Figure]:
    """The pictures by name: `pareto`, `accuracy`, `accuracy-by-seconds`, `learning-rate`.

    Accuracies are means over the seeds in a band of one standard deviation, on an axis on which
    halving the error takes the same height everywhere.

    Args:
        trade_off: at least one configuration.
    """
    looks = _looks(trade_off)
    with matplotlib.rc_context(STYLE):
        return {
            "pareto": pareto_plot.figure(trade_off, looks),
            "accuracy": _accuracy(trade_off, looks, "epoch", lambda each: each.epochs),
            "accuracy-by-seconds": _accuracy(trade_off, looks, "seconds of training", _seconds),
            "learning-rate": _learning_rate(trade_off, looks),
        }


def _looks(trade_off) -> dict[str, ConfigurationStyle]:
    """Name of a configuration -> its look."""
    configurations, varied = trade_off.configurations, trade_off.axes
    values = axis_values([each.axes for each in configurations])
    coloured = min(
        varied,
        key=lambda axis: (len(values[axis]) > len(COLOURS), axis == "machines"),
        default=None,
    )
    colours = dict(zip(values.get(coloured, [None]), itertools.cycle(COLOURS), strict=False))
    panels = [
        described(each.axes, [axis for axis in varied if axis != coloured])
        for each in configurations
    ]
    markers = dict(zip(dict.fromkeys(panels), itertools.cycle(MARKERS), strict=False))
    return {
        each.name: ConfigurationStyle(
            coloured=words(coloured or ""),
            line=word(each.axes[coloured]) if coloured else each.name,
            panel=panel,
            colour=colours[each.axes.get(coloured)],
            marker=markers[panel],
        )
        for each, panel in zip(configurations, panels, strict=True)
    }


def _accuracy(trade_off, looks, across, places) -> Figure:
    """Accuracy over what `places` gives for each epoch of a configuration that was tested."""
    figure, panels = _panels(
        [look.panel for look in looks.values()], across, f"{trade_off.part} accuracy, %"
    )
    if (baseline := trade_off.baseline) is not None:
        for panel, axes in panels.items():
            axes.axhline(_error(baseline.best_accuracy), color=QUIET, linewidth=0.6, zorder=1,
                         label="baseline's best")  # fmt: skip
            if looks[baseline.name].panel != panel:
                axes.plot(
                    places(baseline), _error(baseline.accuracies),
                    color=QUIET, linestyle="--", linewidth=1.0, label="baseline", zorder=2,
                )  # fmt: skip
    for each in trade_off.configurations:
        look, means, spreads = looks[each.name], np.array(each.accuracies), np.array(each.spreads)
        bounds = _error(means - spreads), _error(means + spreads)
        axes = panels[look.panel]
        axes.fill_between(places(each), *bounds, color=look.colour, alpha=_BAND, linewidth=0)
        axes.plot(
            places(each), _error(means), color=look.colour, label=look.line,
            marker=look.marker, markevery=[each.epochs.index(each.best_epoch)], zorder=3,
        )  # fmt: skip
    errors = np.concatenate([_error(each.accuracies) for each in trade_off.configurations])
    axes.set_ylim(errors.max() * 1.15, errors.min() / 1.3)
    set_log_scale(axes, "y", written=lambda error: plain(100 - error), fewest=4)
    ends = [places(each)[-1] for each in trade_off.configurations]
    if max(ends) > FAR_APART * min(ends):
        set_log_scale(axes, "x")
    else:
        _from_zero(axes, max(ends))
    return _named(figure, panels, looks)


def _error(accuracies) -> np.ndarray:
    """Test errors in per cent."""
    return np.maximum(_LEAST_ERROR, 100 * (1 - np.asarray(accuracies)))


def _seconds(configuration) -> list[float]:
    """Seconds of training up to the end of each epoch that was tested."""
    return [configuration.seconds_to(epoch) for epoch in configuration.epochs]


def _learning_rate(trade_off, looks) -> Figure:
    """The rate at the end of each epoch; a single panel where all panels would be the same."""
    rates: dict[str, dict] = {}
    for each in trade_off.configurations:
        rates.setdefault(looks[each.name].panel, {})[looks[each.name].line] = each.learning_rates
    first = next(iter(rates.values()))
    if all(each == first for each in rates.values()):
        rates = {"": first}
    colours = {look.line: look.colour for look in looks.values()}
    figure, panels = _panels(rates, "epoch", "learning rate, end of epoch")
    for panel, lines in rates.items():
        for drawn, (line, values) in enumerate(lines.items()):
            # Rates are often equal: a later line is thinner, so that both can be seen.
            panels[panel].plot(
                range(1, len(values) + 1), values, color=colours[line], label=line,
                linewidth=max(0.8, 3.5 - 0.9 * drawn), marker="o", solid_capstyle="butt",
            )  # fmt: skip
    every = [rate for lines in rates.values() for values in lines.values() for rate in values]
    axes = next(iter(panels.values()))
    axes.set_ylim(min(every) / 1.25, max(every) * 1.25)
    set_log_scale(axes, "y")
    _from_zero(axes, max(len(values) for lines in rates.values() for values in lines.values()))
    return _named(figure, panels, looks)


def _panels(names, across, upward):
    names = list(dict.fromkeys(names))
    columns = 2 if len(names) == 4 else min(len(names), 3)
    width, height = _PANEL_INCHES
    figure, every_axes = panels(
        names, across, upward, columns=columns,
        inches=(max(_NARROWEST_INCHES, width * columns), height),
        above_inches=_NAMES_INCHES, sharex=True,
    )  # fmt: skip
    return figure, dict(zip(names, every_axes, strict=True))


def _from_zero(axes, end) -> None:
    axes.set_xlim(0, 1.02 * end)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def _named(figure, panels, looks) -> Figure:
    """The figure with the names of its colours above its panels."""
    handles = handles_of(panels.values())
    handles = {
        name: handles[name]
        for name in sorted(handles, key=lambda name: name.startswith("baseline"))
    }
    lines = math.ceil(len(handles) / _NAMES_IN_LINE)
    legend_above(
        figure, handles, ncols=math.ceil(len(handles) / lines), handlelength=1.6,
        columnspacing=1.2, title=next(iter(looks.values())).coloured,
    )  # fmt: skip
    return figure
