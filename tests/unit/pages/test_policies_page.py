"""docs/policies has a page for every policy, true of the code, with what its commands print."""

import inspect
import re
from pathlib import Path

import pytest
import report_page

from caps_hvd.cli.options import given
from caps_hvd.cli.training import train
from caps_hvd.config import file, train_config
from caps_hvd.io.options import flag, option_of
from caps_hvd.records import sweep_record
from caps_hvd.report.published import fastrcaps
from caps_hvd.schedules import POLICIES, learning_rate
from tests.unit.report.trade_off import policy_sweeps

REPOSITORY = Path(__file__).parents[3]
FOLDER = REPOSITORY / "docs" / "policies"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
METHODS = [name for name in PAGES if name != "README"]
HEADINGS = (
    "What it does", "Use", "Hyperparameters", "Over a run", "Effect measured",
    "In distributed runs", "Limits", "Source",
)  # fmt: skip
# Where the option's own default only says that the policy knows it.
OWN_DEFAULTS = {
    ("exponential", "decay"): inspect.signature(learning_rate.exponential).parameters["decay"],
    ("step-decay", "decay"): inspect.signature(learning_rate.step_decay).parameters["decay"],
    ("adabatch", "growth"): inspect.Parameter("growth", 1, default=POLICIES["adabatch"].growth),
    ("warmadabatch", "growth"): inspect.Parameter(
        "growth", 1, default=POLICIES["warmadabatch"].growth
    ),
}
PLACES = [
    (name, number)
    for name, page in PAGES.items()
    for number in range(len(report_page.commands(page)))
]


def headings(page):
    return re.findall(r"^## (.+)$", page, re.MULTILINE)


def blocks(page, command):
    """The command lines of a page that begin with this one."""
    return re.findall(rf"^(?:    )?caps-hvd {command} (.+)$", page, re.MULTILINE)


def test_every_policy_has_its_page_and_a_row_in_the_overview():
    assert set(METHODS) == {*POLICIES, "weight-sharing", "small-decoder"}
    for name in METHODS:
        assert f"]({name}.md)" in PAGES["README"]


@pytest.mark.parametrize("name", METHODS)
def test_a_page_has_the_same_parts_as_the_others(name):
    missing = set(HEADINGS) - set(headings(PAGES[name]))
    assert missing <= (set() if name in POLICIES else {"Over a run"})
    assert [each for each in HEADINGS if each not in missing] == headings(PAGES[name])


@pytest.mark.parametrize("name", METHODS)
def test_defaults_are_those_of_the_code(name):
    rows = re.findall(r"^\| `(--[\w-]+)` \| ([^|]+) \|", PAGES[name], re.MULTILINE)
    assert rows
    fields = {flag(field.name): field for field in train_config.fields()}
    for option, default in rows:
        field = fields[option]
        expected = OWN_DEFAULTS.get((name, field.name), field).default
        expected = {None: "auto", False: "no"}.get(expected, expected)
        assert default == str(expected), option


@pytest.mark.parametrize("name", METHODS)
def test_training_takes_its_commands(name):
    lines = blocks(PAGES[name], "train")
    assert lines
    for line in lines:
        chosen = file.load(overrides=given(train.make_context("train", line.split())))
        if name in POLICIES and "--batch-policy" not in line:
            assert chosen.policy == name


@pytest.mark.parametrize("row", fastrcaps.ROWS, ids=lambda row: row.policy)
def test_published_figures_are_on_the_pages(row):
    """Those with sharing are on its page, too."""
    figure = f"{100 * row.accuracy:.2f} % at epoch {row.epoch}"
    for name in (row.policy, "weight-sharing") if row.sharing else (row.policy,):
        if (name, row.sharing) != ("fixed", True):
            assert figure in " ".join(PAGES[name].split()), figure
    if row.dataset == "mnist" and (row.policy, row.sharing) != ("warmadabatch", True):
        assert figure in PAGES["README"]


def test_every_option_of_a_schedule_is_on_a_page():
    everything = "\n".join(PAGES.values())
    for field in train_config.fields():
        if option_of(field).group == "Schedule":
            assert f"`{flag(field.name)}" in everything, field.name


@pytest.mark.parametrize(("name", "number"), PLACES)
def test_a_page_shows_what_its_commands_print(name, number, tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    command = report_page.commands(PAGES[name])[number]
    shown = report_page.contents(PAGES[name])[number]
    pictures = re.findall(r"\]\(\.\./(pictures/[^)]+)\)", shown)
    assert [each for each in pictures if not Path("docs", each).exists()] == []
    if missing := report_page.missing_files(command):
        assert shown == "", f"no {missing[0]} for what the page shows"
        pytest.skip(f"{missing[0]} is not there yet")
    if "schedule" in command:
        assert pictures == [f"pictures/schedule-{name}.png"]
        return
    printed = report_page.run(command, tmp_path, plots=False)
    assert shown[: len(printed)] == printed, "make policies-page puts it right"
    assert len(pictures) == (4 if command[1] == "optimize" else 0)


def test_an_effect_is_shown_beside_the_first_value(tmp_path):
    record = tmp_path / "policies.h5"
    sweep_record.write(record, policy_sweeps.sweep())
    table = report_page.effect("policy", "warmadabatch", record)
    assert "weight sharing no:" in table and "weight sharing yes:" in table
    assert [line.split("|")[1].strip() for line in table.splitlines() if "|" in line] == [
        "policy", "---:", "fixed", "warmadabatch", "policy", "---:", "fixed", "warmadabatch",
    ]  # fmt: skip
    assert "warmadabatch" not in report_page.effect("policy", "fixed", record)
    assert report_page.effect("policy", "one-cycle", record) == report_page.NOT_IN_GRID
    assert report_page.effect("decoder", "small", record) == report_page.NOT_IN_GRID


def test_places_of_effects():
    page = "a\n<!-- effect of policy=one-cycle in docs/a.h5 -->\n<!-- end of effect -->\nb\n"
    assert report_page.commands(page) == [["effect", "policy", "one-cycle", "docs/a.h5"]]
    assert report_page.missing_files(report_page.commands(page)[0]) == ["docs/a.h5"]
    assert report_page.fill(page, ["| c |"]) == page.replace("-->\n<", "-->\n\n| c |\n\n<")
