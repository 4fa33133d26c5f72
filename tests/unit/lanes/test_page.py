"""docs/lanes.md says what the record and the count say."""

import json
from pathlib import Path

import pytest

from caps_hvd.lanes.published import TABLE

ROOT = Path(__file__).parents[3]
PAGE = ROOT.joinpath("docs", "lanes.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
RECORD = json.loads(ROOT.joinpath("benchmarks/results/lane_balance.json").read_text())["figures"]


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
