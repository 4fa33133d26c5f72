"""docs/training.md names every option with its unit, range and default, and every run file."""

from pathlib import Path

import pytest

from caps_hvd.config import train_config
from caps_hvd.io.options import GROUPS, describe_expected, flag, option_of, value_type
from caps_hvd.training.run_directory import RunDirectory

PAGE = Path(__file__).parents[3].joinpath("docs", "training.md").read_text(encoding="utf-8")


def row(field) -> str:
    kind, _ = value_type(field)
    option = option_of(field)
    name = flag(field.name)
    if kind is bool:
        name += f"`, `{name.replace('--', '--no-', 1)}"
        default = "yes" if field.default else "no"
    else:
        default = option.none if field.default is None else field.default
    takes = "" if kind is bool else describe_expected(field)
    return f"| `{name}` | {takes} | {'' if default is None else default} | {option.help} |"


@pytest.mark.parametrize("field", train_config.fields(), ids=lambda field: field.name)
def test_every_option_has_its_row(field):
    assert row(field) in PAGE, f"put this line into docs/training.md:\n{row(field)}"


def test_every_heading_and_file_is_there():
    for group in GROUPS:
        assert f"\n### {group}\n" in PAGE
    directory = RunDirectory.at("RUN")
    for path in (
        directory.config, directory.checkpoint, directory.best, directory.history,
        directory.weights, directory.record, directory.events, directory.lock,
    ):  # fmt: skip
        assert f"`{path.name}`" in PAGE or f"`{path.name}/`" in PAGE
