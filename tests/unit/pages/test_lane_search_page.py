"""docs/lane_search.md shows what its command prints, and names the options of its commands."""

from pathlib import Path

import pytest
import report_page

from caps_hvd.cli import lane_search
from caps_hvd.search.definition import Limits, Ranges, SearchDefinition
from caps_hvd.sweep.definition import keys

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY.joinpath("docs", "lane_search.md").read_text(encoding="utf-8")


def test_every_key_and_option_is_explained():
    for kind in (SearchDefinition, Limits, Ranges):
        for name in keys(kind):
            assert f"`{name}`" in PAGE, name
    for option in lane_search.search.params[1:]:
        assert option.opts[0] in PAGE, option.opts[0]


@pytest.mark.parametrize("number", range(len(report_page.commands(PAGE))))
def test_the_page_shows_what_the_command_prints(number, tmp_path, monkeypatch):
    command = report_page.commands(PAGE)[number]
    monkeypatch.chdir(REPOSITORY)
    assert command[1:3] == ["lanes", "search-report"] and not report_page.missing_files(command)
    content = report_page.contents(PAGE)[number]
    assert report_page.run(command, tmp_path, plots=False) in content
    for name in ("progress", "lanes"):
        assert f"(pictures/search_small-{name}.png)" in content
