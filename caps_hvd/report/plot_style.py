"""How plots look, and how they become files: one column of a paper wide, in 8 points.

The colours are those of Okabe and Ito, which everybody can tell apart.
"""

import itertools

import matplotlib

from caps_hvd.files import replacing

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
_DOTS_PER_INCH = 300


def write(folder, prefix, drawn, formats=("png",)) -> list:
    """Writes pictures as FOLDER/PREFIX-NAME.FORMAT.

    Returns:
        The paths.

    Raises:
        RunError: a file cannot be written.
    """
    paths = []
    for (name, figure), kind in itertools.product(drawn.items(), formats):
        path = folder / f"{prefix}-{name}.{kind}"
        # The same figures give the same file, so that a repository sees no change.
        stamps = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
        with replacing(path) as partial, matplotlib.rc_context(STYLE):
            figure.savefig(partial, format=kind, dpi=_DOTS_PER_INCH, metadata=stamps[kind])
        paths.append(path)
    return paths
