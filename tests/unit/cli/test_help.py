"""`caps-hvd --help`: every command once, under what one does, in a whole sentence of one line."""

import os
import subprocess
import sys

import click
import pytest

from caps_hvd.cli.main import cli

GROUPS = [cli, *(each for each in cli.commands.values() if isinstance(each, click.Group))]


def text(group) -> str:
    context = click.Context(group, info_name="caps-hvd")
    return group.get_help(context)


def shown(group):
    return [name for name, command in group.commands.items() if not command.hidden]


def test_every_command_is_in_one_section():
    listed = [name for names in cli.sections.values() for name in names]
    assert sorted(listed) == sorted(shown(cli))
    lines = text(cli).splitlines()
    headings = [line.rstrip(":") for line in lines if line.endswith(":") and line[0] != " "]
    assert headings == ["Options", "Train and look", "On a cluster", "Plan and choose", "Set up"]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_every_command_has_a_whole_sentence_in_one_line(group):
    lines = text(group).splitlines()
    for name in shown(group):
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert line.endswith(".") and not line.endswith("...") and len(line) <= 80


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["tr"], {"train"}),
        (["hosts", ""], {"check", "list"}),
        (["train", "--ep"], {"--epochs"}),
        (["train", "--optimizer", "ad"], {"adam", "adamw"}),
        (["submit", "--gpus"], {"--gpus-per-node"}),
    ],
)
def test_the_shell_completes(typed, words):
    variables = {
        "_CAPS_HVD_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["caps-hvd", *typed]),
        "COMP_CWORD": str(len(typed)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "caps_hvd.cli"],
        env=os.environ | variables, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert {line.removeprefix("plain,") for line in done.stdout.splitlines()} >= words
    assert done.stderr == ""
