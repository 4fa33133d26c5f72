"""The table and the picture of `benchmarks.learns`, from its record, for docs/initialization.md.

    python -m benchmarks.learns_page

The table is printed; the picture is written.
"""

import json
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from benchmarks.harness import RESULTS
from benchmarks.learns import FIRST, FORMS, PARTS
from caps_hvd.report.plot_style import COLOURS, SIZE_INCHES, STYLE

PICTURE = Path(__file__).parents[1] / "docs/pictures/learns.png"


def sets_of(part):
    """The data sets of a part of the record, in their order."""
    return list(dict.fromkeys(key.rsplit(", ", 1)[0] for key in part))


def table(figures):
    """Lines of a table in Markdown: a row for each data set of each part."""
    names = "network", "data set", *FORMS, "difference", *(f"stuck, {form}" for form in FORMS)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for part in (FIRST, *(title for title in PARTS if title in figures)):
        for data in sets_of(figures[part]):
            old, new = (figures[part][f"{data}, {form}"] for form in FORMS)
            mean, error = figures[part][f"{data}, scaled - published"]
            counts = [f"{each['stuck']} of {len(each['each'])}" for each in (old, new)]
            cells = [
                part,
                data.replace("_", " "),
                f"{old['balanced accuracy']:.1%}",
                f"{new['balanced accuracy']:.1%}",
                f"{100 * mean:+.1f} ± {100 * error:.1f} points",
                *counts,
            ]
            yield f"| {' | '.join(cells)} |"


def draw(part, path):
    """Writes a picture of the first part: each run a point, published beside scaled."""
    names = sets_of(part)
    with matplotlib.rc_context(STYLE):
        figure = Figure((SIZE_INCHES[0] * 1.5, 0.3 * len(names) + 0.9), layout="constrained")
        axes = figure.subplots()
        for form, colour, marker, offset in zip(
            FORMS, COLOURS[1::-1], "so", (0.15, -0.15), strict=True
        ):
            for row, name in enumerate(names):
                found = part[f"{name}, {form}"]["each"]
                label = form if row == 0 else None
                axes.plot(found, [row + offset] * len(found), marker, color=colour, label=label)
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("balanced accuracy after two epochs of at most 4,000 images")
        axes.grid(axis="x")
        figure.legend(loc="outside upper right", ncols=2, frameon=False)
        figure.savefig(path, dpi=160)


def main():
    figures = json.loads((RESULTS / "learns.json").read_text())["figures"]
    print("\n".join(table(figures)))
    draw(figures[FIRST], PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
