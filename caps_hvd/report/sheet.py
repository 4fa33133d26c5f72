"""A table of words and numbers as text for a terminal, as Markdown, and as LaTeX for a paper.

What stands in a cell is decided before; here it is only laid out.
"""

import dataclasses
import re
import textwrap

PLUS_MINUS = " ± "

_WIDTH = 100  # of the notes in a text

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that belong together, under a label; empty for none."""

    label: str
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table as it is shown.

    Args:
        key: short name, for a label that a paper refers to.
        title: one line.
        columns: (name, unit) of each column; the unit may be empty.
        sections: at least one; all rows as long as `columns`, a cell without a value is empty.
        notes: sentences under the table.
    """

    key: str
    title: str
    columns: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def key_of(name: str, what: str) -> str:
    """The key of a sheet about something with a name, in letters, digits and hyphens."""
    return f"{''.join(sign if sign.isalnum() else '-' for sign in name)}-{what}"


def align(rows, left: int = 0) -> list[str]:
    """Lines of text in which the cells of a column stand under each other.

    Args:
        rows: of text, all as long as the first.
        left: number of columns, from the first one, whose cells begin at the same place; those of
            the others end there.

    Example:
        >>> align([("lane", "s"), ("0", "12")], left=1)
        ['lane   s', '0     12']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    return [
        "  ".join(side(*cell) for side, *cell in zip(sides, row, widths, strict=True)).rstrip()
        for row in rows
    ]


def to_text(sheet: Sheet) -> str:
    """Aligned columns: numbers to the right, spreads under each other."""
    rows = [row for section in sheet.sections for row in section.rows]
    cells = zip(*map(_aligned, zip(*rows, strict=True)), strict=True)
    names, units, *lines = align([*zip(*sheet.columns, strict=True), *cells])
    rule = "-" * max(map(len, [names, units, *lines]))
    text = [sheet.title, "", *filter(None, [names, units]), rule]
    below = iter(lines)
    for section in sheet.sections:
        if section.label:
            text += [section.label] if text[-1] == rule else ["", section.label]
        text += [next(below) for _ in section.rows]
    text.append(rule)
    wrapper = textwrap.TextWrapper(
        _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(text + [line for note in sheet.notes for line in wrapper.wrap(note)])


def to_markdown(sheet: Sheet) -> str:
    """One table for each section, as GitHub shows them."""
    heads = [f"{name} ({unit})" if unit else name for name, unit in sheet.columns]
    parts = [f"### {_markdown(sheet.title)}"]
    for section in sheet.sections:
        if section.label:
            parts.append(_markdown(section.label) + ":")
        rows = [heads, ["---:"] * len(heads), *section.rows]
        parts.append("\n".join(f"| {' | '.join(map(_markdown, row))} |" for row in rows))
    if sheet.notes:
        parts.append(_markdown(_sentences(sheet.notes)))
    return "\n\n".join(parts)


def to_latex(sheet: Sheet) -> str:
    r"""A `table` with the rules of the package booktabs.

    Example:
        >>> print(to_latex(sheet))
        \begin{table}
          \centering
          ...
    """
    names, units = (
        [latex_text(each) for each in heads] for heads in zip(*sheet.columns, strict=True)
    )
    lines = [" & ".join(names) + r" \\"]
    if any(units):
        lines.append(" & ".join(f"({unit})" if unit else "" for unit in units) + r" \\")
    for index, section in enumerate(sheet.sections):
        lines.append(r"\midrule" if index == 0 else r"\addlinespace")
        if section.label:
            span = f"\\multicolumn{{{len(names)}}}{{@{{}}l}}"
            lines.append(f"{span}{{\\emph{{{latex_text(section.label)}}}}} \\\\")
        lines += [" & ".join(map(latex_text, row)) + r" \\" for row in section.rows]
    caption = _sentences([sheet.title, *sheet.notes])
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex_text(caption)}}}",
            f"  \\label{{tab:{sheet.key}}}",
            f"  \\begin{{tabular}}{{@{{}}{'r' * len(names)}@{{}}}}",
            r"    \toprule",
            *(f"    {line}" for line in lines),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def latex_text(text: str) -> str:
    """Text with everything escaped that LaTeX takes for a command.

    Example:
        >>> latex_text("50 % of r_1")
        '50 \\\\% of r\\\\_1'
    """
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _aligned(cells) -> list[str]:
    """Cells of which those without a spread leave its place free."""
    parts = [cell.partition(PLUS_MINUS) for cell in cells]
    width = max(len(spread) for _, _, spread in parts)
    if not width:
        return cells
    none = " " * len(PLUS_MINUS)
    return [
        value + (sign or none) + spread.rjust(width) if value else ""
        for value, sign, spread in parts
    ]


def _sentences(notes) -> str:
    return " ".join(note if note.endswith(".") else f"{note}." for note in notes)


def _markdown(text: str) -> str:
    # An underscore inside a word means nothing, and must stay alone in an address.
    return re.sub(r"[\\|*<`]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
