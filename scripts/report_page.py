#!/usr/bin/env python3
"""Puts what `caps-hvd report` and `caps-hvd predict` print, and pictures, into a page of the docs.

    scripts/in_env python scripts/report_page.py docs/scaling.md

The page has the command in a block of its own, ending with the shell's line, and right after it
the place that is filled:

    ```sh
    caps-hvd report docs/records/lab15.h5 --format markdown --published
    ```

    <!-- report -->
    <!-- end of report -->

Pictures go to the folder `pictures` beside the page, and are shown after the tables; what `predict`
prints is shown as it is.  The commands run where this is started; the place of one that needs a
file of the docs that is not there stays as it is.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

_PLACE = re.compile(
    r"```sh\n(?P<command>caps-hvd (?:report|predict) [^`]*?)\n```\n\n"
    r"<!-- report -->\n(?P<content>.*?)<!-- end of report -->",
    re.DOTALL,
)


def commands(page: str) -> list[list[str]]:
    """The commands whose output is in a page, as lists of arguments."""
    found = (place["command"].replace("\\\n", " ") for place in _PLACE.finditer(page))
    return [shlex.split(command) for command in found]


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
    reports = command[1] == "report"
    more = ["--output", str(folder), "--plots" if plots else "--no-plots"] if reports else []
    done = subprocess.run([*command, *more], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip() if reports else f"```text\n{done.stdout.strip()}\n```"


def missing_files(command) -> list[str]:
    """Files of the docs that a command names and that are not there."""
    return [word for word in command if word.startswith("docs/") and not Path(word).exists()]


def with_pictures(printed: str, names) -> str:
    """What is put into a page: the tables, then the pictures of the folder beside it."""
    titles = {name: name.removesuffix(".png").replace("-", " ") for name in names}
    shown = [f"![{title}](pictures/{name})" for name, title in titles.items()]
    return "\n\n".join(filter(None, [printed, "\n".join(shown)]))


def main(arguments) -> int:
    for path in map(Path, arguments):
        page = path.read_text(encoding="utf-8")
        pictures = path.parent / "pictures"
        pictures.mkdir(exist_ok=True)
        outputs = []
        for command, content in zip(commands(page), contents(page), strict=True):
            if missing := missing_files(command):
                print(f"left out, without {', '.join(missing)}: {shlex.join(command)}")
                outputs.append(content)
                continue
            with tempfile.TemporaryDirectory() as folder:
                printed = run(command, folder)
                drawn = [Path(folder, name) for name in sorted(os.listdir(folder))]
                drawn = [picture for picture in drawn if picture.suffix == ".png"]
                for picture in drawn:
                    (pictures / picture.name).write_bytes(picture.read_bytes())
                    print(f"wrote {pictures / picture.name}")
            outputs.append(with_pictures(printed, [picture.name for picture in drawn]))
        path.write_text(fill(page, outputs), encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
