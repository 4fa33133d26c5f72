"""Commands in README.md and docs/ are such as the command line takes, and links lead to files."""

import re
import shlex
from pathlib import Path

import click
import pytest

from caps_hvd.cli import cli

REPOSITORY = Path(__file__).parents[3]
PAGES = [REPOSITORY / "README.md", *sorted(REPOSITORY.joinpath("docs").rglob("*.md"))]
COMMAND_PAGES = [page for page in PAGES if page.stem != "architecture"]  # its blocks are none
# The file of a link within the repository, without the heading.
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
# A line of a code block, perhaps with settings before the command and a comment behind it.
_COMMAND = re.compile(r"^ {4}(?:[A-Z_]+=\S* )*(caps-hvd .*?)(?:\s+#.*)?$", re.MULTILINE)


def commands(text):
    return _COMMAND.findall(re.sub(r"\\\n\s*", "", text))


def parse(words):
    """Goes through groups of commands to the one that is meant, and lets it check its options."""
    command, name = cli, "caps-hvd"
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    with command.make_context(name, words) as context:
        return context.params


def test_commands_are_found():
    text = "    A=b caps-hvd launch -np 2 \\\n        -- x   # a comment\n\n`caps-hvd other`\n"
    assert commands(text) == ["caps-hvd launch -np 2 -- x"]
    assert parse(shlex.split("launch -np 2 -- x"))["program"] == ("x",)


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: page.stem)
def test_every_command_is_understood(page):
    for command in commands(page.read_text(encoding="utf-8")):
        parse(shlex.split(command)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file(page):
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
