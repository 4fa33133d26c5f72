"""Trade-offs as people and programs read them, whole."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from caps_hvd.report.base import FORMATS
from caps_hvd.report.trade_off import sheets
from caps_hvd.report.trade_off.configurations import trade_off
from caps_hvd.report.trade_off.criterion import Criterion
from caps_hvd.report.trade_off.report import report
from tests.unit.report.trade_off import policy_sweeps

GOLDENS = Path(__file__).parents[3] / "goldens" / "report"


def with_gaps():
    """The whole table, and two points more that are not there yet."""
    sweep = policy_sweeps.sweep()
    sweep.points.extend(
        [
            policy_sweeps.left_out("fixed", True, 2, "failed", "no memory"),
            policy_sweeps.left_out("fixed", False, 2, "planned"),
        ]
    )
    return sweep


@pytest.fixture(scope="module")
def made():
    return report(
        with_gaps(), choice=Criterion(by="time", accuracy_at_least=96.5), with_published=True
    )


@pytest.mark.parametrize(("kind", "ending"), FORMATS.items())
def test_every_format_whole(made, kind, ending):
    golden = (GOLDENS / f"policies.{ending}").read_text(encoding="utf-8")
    assert made.render(kind) == golden


def test_csv_read_again(made):
    rows = list(csv.DictReader(io.StringIO(made.render("csv"))))
    assert [row["kind"] for row in rows] == ["measured"] * 4 + ["published"] * 12
    shared = rows[3]
    assert (shared["policy"], shared["weight_sharing"]) == ("warmadabatch", "True")
    assert (shared["best_epoch"], shared["seconds_to_best"]) == ("2", "38.0")
    assert (shared["chosen"], shared["pareto"]) == ("True", "True")
    assert rows[4]["seconds_to_best"] == "1421.0"


def test_an_axis_does_not_hide_a_figure_of_its_name():
    sweep = policy_sweeps.sweep()
    for point in sweep.points:
        point.axes["parameters"] = "many"
        point.axes["kind"] = "odd"
        point.axes["chosen"] = "by hand"
    row = json.loads(report(sweep).render("json"))["rows"][2]
    assert (row["axis_parameters"], row["parameters"]) == ("many", 2000)
    assert (row["axis_kind"], row["kind"]) == ("odd", "measured")
    assert (row["axis_chosen"], row["chosen"]) == ("by hand", True)
    assert row["policy"] == "warmadabatch"


def test_json_read_again(made):
    values = json.loads(made.render("json"))
    assert values["chosen"] == "policy warmadabatch, weight sharing yes"
    assert values["choice"] == "least time, accuracy at least 96.5 %"
    assert values["failed_points"] == [
        {"name": "m1-policy_fixed-weight_sharing_True-rep2", "error": "no memory"}
    ]
    assert values["unfinished_points"] == ["m1-policy_fixed-weight_sharing_False-rep2"]
    curve = values["curves"]["policy fixed, weight sharing no"]
    assert curve["accuracies"] == [0.91, 0.95, 0.96]
    assert curve["epoch_seconds"] == [12.0, 10.0, 10.0]


def test_the_claim_and_what_follows_from_the_source_s_times(made):
    text = " ".join(made.render("text").split())
    assert "FasTrCaps claims 58.6 % less training time." in text
    assert "3 x 420 = 1,260 s" in text
    assert "29 x 49 = 1,421 s: 11 % less" in text
    assert "published" not in report(policy_sweeps.sweep()).render("text").lower()


def test_sections_are_made_of_the_axes_with_fewer_values():
    sheet = sheets.measured(trade_off(policy_sweeps.sweep()))
    assert [section.label for section in sheet.sections] == [
        "weight sharing no", "weight sharing yes",
    ]  # fmt: skip
    assert [[row[0] for row in section.rows] for section in sheet.sections] == [
        ["fixed", "warmadabatch"]
    ] * 2


def test_seeds_have_a_column_where_they_differ():
    points = [policy_sweeps.point("fixed", False, seed) for seed in (0, 1)]
    points.append(policy_sweeps.point("warmadabatch", False, 0))
    rows = sheets.measured(trade_off(policy_sweeps.sweep(points))).sections[0].rows
    assert [row[:3] for row in rows] == [
        ("fixed", "2", "96.00 ± 0.00"), ("warmadabatch", "1", "98.00"),
    ]  # fmt: skip


def test_one_seed_has_no_spread():
    points = [policy_sweeps.point(policy, False, 0) for policy in ("fixed", "warmadabatch")]
    text = report(policy_sweeps.sweep(points)).render("text")
    assert "±" not in text
    assert "one seed each" in text


def test_files_are_named_after_the_sweep(made, tmp_path):
    made.write(tmp_path / "new", ("svg",))
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert {f"policies-trade-off.{ending}" for ending in FORMATS.values()} <= names
    assert {"policies-pareto.svg", "policies-accuracy.svg", "policies-learning-rate.svg"} <= names


def test_latex_is_balanced(made):
    text = made.render("latex")
    assert text.startswith("% Made by caps-hvd optimize;")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    unescaped = re.sub(r"\\[&%$#_{}]|\$\\(pm|times)\$", "", text.split("\n", 1)[1])
    assert not re.search(r"[%$#_~^]", unescaped)
    assert unescaped.count("{") == unescaped.count("}")
