"""docs/lanes.md says what the record and the count say."""

import json
from pathlib import Path

import pytest

from caps_hvd.lanes.memory import BOUND
from caps_hvd.report.published.mlcn import TABLE

ROOT = Path(__file__).parents[3]
PAGE = ROOT.joinpath("docs", "lanes.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())


def record_of(name):
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def figures_of(name):
    return record_of(name)["figures"]


RECORD = figures_of("lane_balance")
TIMES = figures_of("lane_times")
MEMORY = figures_of("lane_memory")


@pytest.mark.parametrize("devices", ["equal", "unequal"])
@pytest.mark.parametrize("lanes", [6, 9, 12, 24])
def test_table_of_partitioners(devices, lanes):
    def figure(name):
        return RECORD[f"{devices}_{lanes}_lanes_{name}"]

    ratios = [
        figure("greedy_over_exact_mean"),
        figure("greedy_over_exact_worst"),
        RECORD[f"{devices}_bound_of_greedy"],
        figure("greedy_published_over_exact_mean"),
        figure("greedy_published_over_exact_worst"),
        figure("random_over_exact_mean"),
    ]
    cells = [devices, str(lanes), *(f"{ratio:.3f}" for ratio in ratios)]
    saved = 100 * figure("time_saved_by_greedy_over_random_mean")
    row = f"| {' | '.join(cells)} | {saved:.1f} % |"
    assert row in PAGE, f"put this line into docs/lanes.md:\n{row}"


def test_correlations_and_instances():
    assert RECORD["models"] == 1_000
    for type in ("mlcn1", "mlcn2"):
        correlation = RECORD[f"{type}_pearson_of_published_cost_and_flops"]
        assert f"{correlation:.3f} for `{type}`" in PROSE


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.dataset}: {row.name}")
def test_table_of_parameters(row):
    cells = f"| {row.parameters:g} | {row.counted_parameters() / 1_000_000:.2f} |"
    assert cells in PAGE


@pytest.mark.parametrize("type", ["mlcn1", "mlcn2"])
def test_table_of_seconds(type):
    for form, name, first in (
        ("", "fitted", f"| `{type}` | "),
        ("_flops", "a · operations", "| | "),
        ("_published", "a · depth · width²", "| | "),
    ):
        pearson, error = TIMES[f"{type}{form}_pearson"], TIMES[f"{type}{form}_median_error"]
        row = f"{first}{name} | {pearson:.4f} | {100 * error:.1f} % |"
        assert row in PAGE, f"put this line into docs/lanes.md:\n{row}"


@pytest.mark.parametrize("name", ["lane_balance", "lane_memory", "lane_times"])
def test_shows_the_commands_that_were_run(name):
    assert record_of(name)["command"] in PROSE


@pytest.mark.parametrize(("type", "batch"), [("mlcn1", 10), ("mlcn2", 10), ("mlcn2", 50)])
def test_table_of_memory(type, batch):
    before = f"{type}_batch_{batch}_judged"
    shares = [100 * MEMORY[f"{before}_excess_{which}"] for which in ("least", "mean", "most")]
    cells = [f"`{type}`", batch, MEMORY[f"{before}_lanes"], *(f"{each:.1f} %" for each in shares)]
    row = f"| {' | '.join(map(str, cells))} |"
    assert row in PAGE, f"put this line into docs/lanes.md:\n{row}"


def test_bound_of_memory():
    factors = {name: f"{MEMORY[f'bound_{name}']:.2f}" for name in vars(BOUND)}
    sum_of = " + ".join(f"{factor} · {name}" for name, factor in factors.items())
    line = f"    MiB = {sum_of.replace(' · start', '')}\n"
    assert line in PAGE, f"put this line into docs/lanes.md:\n{line}"
    assert f"a margin of {MEMORY['margin']:.3f}." in PROSE
