"""Style of all plots, and functions that they share: one column of a paper wide, in 8 points.

The colours are those of Okabe and Ito, which everybody can tell apart.
"""

import itertools
import math

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from caps_hvd.io.atomic import replacing

MARKERS = "osD^vP"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, QUIET, _GRID = "#1b1f24", "#6b7280", "#e5e7eb"

STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # letters stay letters
    "svg.fonttype": "none",
    "svg.hashsalt": "caps_hvd",
}
SIZE_INCHES = (3.5, 2.7)
FAR_APART = 12  # ratio of the times in a picture from which on their axis is logarithmic
_DOTS_PER_INCH, _SCREEN_DOTS_PER_INCH = 300, 160

# Within each power of ten; the next ones where a narrow axis would have less than two ticks.
_LOG_TICKS = ((1, 2, 5), range(1, 10), [tenths / 10 for tenths in range(10, 100)])


def plain(value: float) -> str:
    """A number without an exponent.

    Example:
        >>> plain(0.00002)
        '0.00002'
    """
    return f"{value:.9f}".rstrip("0").rstrip(".")


def set_log_scale(axes, letter: str, written=plain, fewest=2) -> None:
    """Makes an axis logarithmic, with `log_ticks` that are written out.

    Args:
        axes: of matplotlib, which have their limits.
        letter: which of them, x or y.
        written: value -> text.
        fewest: ticks that there should be.
    """
    getattr(axes, f"set_{letter}scale")("log")
    axis = getattr(axes, f"{letter}axis")
    axis.set_major_locator(FixedLocator(log_ticks(*sorted(axis.get_view_interval()), fewest)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
    axis.set_minor_locator(NullLocator())


def log_ticks(low, high, fewest=2) -> list[float]:
    """1, 2 and 5 of each power of ten in a range, and more where it is narrow.

    Example:
        >>> log_ticks(3, 30)
        [5.0, 10.0, 20.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in _LOG_TICKS:
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= fewest:
            break
    return ticks


def panel(across: str, upward: str):
    """A figure in the size of a column, and its only panel.

    Args:
        across, upward: names of the axes.
    """
    figure, (axes,) = panels(
        [""], across, upward, columns=1, inches=SIZE_INCHES, above_inches=0, sharex=True
    )
    return figure, axes


def panels(names, across: str, upward: str, *, columns: int, inches, above_inches, sharex: bool):
    """A figure with a panel for each name, and the panels; they share their axes.

    Args:
        names: titles of the panels.
        across, upward: names of the axes, which stand outside.
        columns: panels beside each other.
        inches: width of the figure, and height of a line of panels.
        above_inches: height of what stands above the panels.
        sharex: whether the panels share the horizontal axis, too, and have a grid.
    """
    lines = math.ceil(len(names) / columns)
    width, height = inches
    figure = Figure(figsize=(width, above_inches + height * lines), layout="constrained")
    every = figure.subplots(lines, columns, sharex=sharex, sharey=True, squeeze=False)
    for name, axes in itertools.zip_longest(names, every.flat):
        if name is None:
            axes.set_axis_off()
            continue
        axes.set_title(name)
        axes.set_xlabel("" if sharex and axes not in every[-1] else across)
        axes.set_ylabel(upward if axes in every[:, 0] else "")
        if sharex:
            axes.grid(True)
            axes.set_axisbelow(True)
    return figure, list(every.flat)[: len(names)]


def handles_of(every_axes) -> dict:
    """Name -> the first line or bar that has it."""
    handles = {}
    for axes in every_axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    return handles


def legend_above(figure, handles: dict, **style) -> None:
    """Puts names and what has them above the panels of a figure."""
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", frameon=False, **style
    )  # fmt: skip


def save(path, figure) -> None:
    """Writes a picture for the screen.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=_SCREEN_DOTS_PER_INCH)


def write(folder, prefix, drawn, formats=("png",)) -> None:
    """Writes pictures as FOLDER/PREFIX-NAME.FORMAT.

    Raises:
        RunError: a file cannot be written.
    """
    for (name, figure), kind in itertools.product(drawn.items(), formats):
        path = folder / f"{prefix}-{name}.{kind}"
        # The same figures give the same file, so that a repository sees no change.
        stamps = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
        with replacing(path) as partial, matplotlib.rc_context(STYLE):
            figure.savefig(partial, format=kind, dpi=_DOTS_PER_INCH, metadata=stamps[kind])
