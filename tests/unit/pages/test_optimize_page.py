"""docs/optimize.md names every option, criterion and file, as the code has them."""

from pathlib import Path

import pytest

from caps_hvd.cli.optimize import optimize
from caps_hvd.report.base import FORMATS
from caps_hvd.report.trade_off.pareto import OBJECTIVES
from caps_hvd.report.trade_off.plots import figures
from caps_hvd.search.optimize import CHOSEN
from tests.unit.report.trade_off import configurations

PAGE = Path(__file__).parents[3].joinpath("docs", "optimize.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", [each.opts[0] for each in optimize.params[1:]])
def test_every_option_is_named(option):
    assert f"`{option}`" in PAGE or f"| `{option} " in PAGE


@pytest.mark.parametrize("criterion", OBJECTIVES.values(), ids=lambda each: each.name)
def test_every_criterion_has_its_row(criterion):
    better = "more" if criterion.maximise else "less"
    assert f"| `{criterion.name}` | {better} |" in PAGE


def test_every_file_is_named():
    assert f"| `{CHOSEN}` |" in PAGE
    for ending in FORMATS.values():
        assert f"`.{ending}`" in PAGE or f"-trade-off.{ending}`" in PAGE
    for name in figures(configurations.two_by_two()):
        assert f"`NAME-{name}.png`" in PAGE
