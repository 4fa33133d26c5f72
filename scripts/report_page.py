#!/usr/bin/env python3
"""Filler of the docs' pages with what commands of `caps-hvd` print and draw, and measured effects.

    scripts/in_env python scripts/report_page.py docs/scaling.md

A page has the command in a block of its own, ending with the shell's line, and right after it
the place that is filled:

    ```sh
    caps-hvd report docs/records/lab15.h5 --format markdown --published
    ```

    <!-- report -->
    <!-- end of report -->

Commands are `report`, `optimize`, `estimate`, `lanes search-report`, and `schedule` that ends with
`--plot` and a file.
Pictures go to docs/pictures and are shown after the tables; what `estimate` prints is shown as it
is.  What one value of an axis did in a sweep, beside the axis' first value, is put into

    <!-- effect of policy=warmadabatch in docs/records/policies.h5 -->
    <!-- end of effect -->

All run where this is started; the place of one that needs a file of the docs that is not there
stays as it is.
"""

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = Path("docs", "pictures")
NOT_IN_GRID = "Not part of the grid."

_PLACE = re.compile(
    r"(?:```sh\n"
    r"(?P<command>caps-hvd (?:report|optimize|estimate|schedule|lanes search-report) [^`]*?)\n"
    r"```\n\n<!-- report -->"
    r"|<!-- (?P<effect>effect) of (?P<axis>\w+)=(?P<value>\S+) in (?P<record>\S+) -->)\n"
    r"(?P<content>.*?)<!-- end of (?:report|effect) -->",
    re.DOTALL,
)


def commands(page: str) -> list[list[str]]:
    """The commands whose output is in a page, as lists of arguments; effects look like them."""
    return [
        list(place.group("effect", "axis", "value", "record"))
        if place["effect"]
        else shlex.split(place["command"].replace("\\\n", " "))
        for place in _PLACE.finditer(page)
    ]


def contents(page: str) -> list[str]:
    """What is in the places of a page now."""
    return [found["content"].strip() for found in _PLACE.finditer(page)]


def fill(page: str, outputs) -> str:
    """The page with these outputs in its places, in their order."""
    parts, end = [], 0
    for found, output in zip(_PLACE.finditer(page), outputs, strict=True):
        shown = f"\n{output.strip()}\n\n" if output else ""
        parts += [page[end : found.start("content")], shown]
        end = found.end("content")
    return "".join([*parts, page[end:]])


def run(command, folder, plots=True) -> str:
    """What a command prints, as Markdown; its files go to a folder."""
    kind = command[0] if command[0] == "effect" else command[1]
    if kind == "effect":
        return effect(*command[1:])
    if kind == "schedule":
        command = [*command[:-1], str(Path(folder, Path(command[-1]).name))]
    elif kind != "estimate":
        command = [*command, "--output", str(folder), "--plots" if plots else "--no-plots"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    if kind == "schedule":
        return ""  # the picture says it
    return f"```text\n{done.stdout.strip()}\n```" if kind == "estimate" else done.stdout.strip()


def effect(axis: str, value: str, record) -> str:
    """A table of the configurations with a value of an axis, beside those with its first value."""
    from caps_hvd.records.axes import word
    from caps_hvd.report import base
    from caps_hvd.report.sheet import to_markdown
    from caps_hvd.report.trade_off.configurations import trade_off
    from caps_hvd.report.trade_off.sheets import measured

    found = trade_off(base.load(record))
    values = [word(each.axes.get(axis)) for each in found.configurations]
    if value not in values:
        return NOT_IN_GRID
    shown = tuple(
        each
        for each, its in zip(found.configurations, values, strict=True)
        if its in (value, values[0])
    )
    sheet = measured(dataclasses.replace(found, configurations=shown))
    _title, _, table = to_markdown(dataclasses.replace(sheet, notes=())).partition("\n\n")
    return table


def missing_files(command) -> list[str]:
    """Files of the docs that a command reads and that are not there."""
    read = command[:-1] if "--plot" in command else command
    return [word for word in read if word.startswith("docs/") and not Path(word).exists()]


def with_pictures(printed: str, names, page="docs/scaling.md") -> str:
    """What is put into a page: the tables, then the pictures."""
    folder = Path(os.path.relpath(PICTURES, Path(page).parent)).as_posix()
    titles = {name: name.removesuffix(".png").replace("-", " ") for name in names}
    shown = [f"![{title}]({folder}/{name})" for name, title in titles.items()]
    return "\n\n".join(filter(None, [printed, "\n".join(shown)]))


def output(command, page) -> str:
    """What is put into a page for a command; its pictures are kept."""
    with tempfile.TemporaryDirectory() as folder:
        printed = run(command, folder)
        drawn = sorted(Path(folder).glob("*.png"))
        PICTURES.mkdir(exist_ok=True)
        for picture in drawn:
            shutil.copyfile(picture, PICTURES / picture.name)
            print(f"wrote {PICTURES / picture.name}")
    return with_pictures(printed, [picture.name for picture in drawn], page)


def main(arguments) -> int:
    """Fills the pages that are named; 0."""
    for path in map(Path, arguments):
        page = path.read_text(encoding="utf-8")
        outputs = []
        for command, content in zip(commands(page), contents(page), strict=True):
            if missing := missing_files(command):
                print(f"left out, without {', '.join(missing)}: {shlex.join(command)}")
                outputs.append(content)
            else:
                outputs.append(output(command, path))
        path.write_text(fill(page, outputs), encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
