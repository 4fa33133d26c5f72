"""docs/scaling.md shows what its commands print, and names every option of `caps-hvd report`."""

import re
from pathlib import Path

import pytest
import report_page

from caps_hvd.cli.report import report

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY.joinpath("docs", "scaling.md").read_text(encoding="utf-8")

EXAMPLE = """\
# A page

```sh
caps-hvd report a.h5 \\
    --published
```

<!-- report -->
old
<!-- end of report -->

The end.
"""


def test_a_page_is_filled():
    assert report_page.commands(EXAMPLE) == [["caps-hvd", "report", "a.h5", "--published"]]
    assert report_page.contents(EXAMPLE) == ["old"]
    filled = report_page.fill(EXAMPLE, ["| new\\1 |\n"])
    assert filled == EXAMPLE.replace("old", "\n| new\\1 |\n")
    assert report_page.fill(filled, ["| new\\1 |\n"]) == filled


def test_pictures_follow_the_tables():
    assert report_page.with_pictures("| a |", ["a-speed-up.png"]) == (
        "| a |\n\n![a speed up](pictures/a-speed-up.png)"
    )


def test_the_page_has_places_for_a_report_and_predictions():
    commands = [command[:2] for command in report_page.commands(PAGE)]
    assert commands == [["caps-hvd", "report"]] + [["caps-hvd", "estimate"]] * 2


def test_every_option_is_explained():
    for option in report.params:
        for name in (*option.opts, *option.secondary_opts):
            assert not name.startswith("--") or name == "--plots" or name in PAGE, name


@pytest.mark.parametrize("number", range(len(report_page.commands(PAGE))))
def test_the_page_shows_what_the_command_prints(number, tmp_path, monkeypatch):
    command = report_page.commands(PAGE)[number]
    monkeypatch.chdir(REPOSITORY)
    if missing := report_page.missing_files(command):
        assert report_page.contents(PAGE)[number] == "", f"no {missing[0]} for what the page shows"
        pytest.skip(f"{missing[0]} is not there yet")
    printed = report_page.run(command, tmp_path, plots=False)
    shown = report_page.contents(PAGE)[number]
    assert shown[: len(printed)] == printed, "make scaling-page puts it right"
    pictures = re.findall(r"\]\((pictures/[^)]+)\)", shown)
    assert len(pictures) == (4 if command[1] == "report" else 0)
    assert [name for name in pictures if not Path("docs", name).exists()] == []
