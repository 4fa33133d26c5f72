"""The report on searches: figures counted by hand, what was found, a loss called a loss."""

import dataclasses
import json

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.lanes import lane
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.space import BASELINE
from caps_hvd.records import lane_search
from caps_hvd.records.lane_search import Confirmed, SearchResult, Tried
from caps_hvd.report.lanes.search import lane_list, report
from caps_hvd.report.sheet import to_text

FACTS = {
    "name": "small", "image_shape": [32, 32, 3], "classes": 10, "batch_size": 100, "seed": 0,
    "repetitions": 1, "limits.flops": 1.0, "limits.devices": 4, "limits.memory_mib": 2048.0,
    "lanes.types": ["mlcn1", "mlcn2"], "lanes.widths": [1, 4], "lanes.depths": [1, 4],
}  # fmt: skip
LANES = (Lane("mlcn2", 2), Lane("mlcn1", 1, 3), Lane("mlcn2", 2))


def tried(number, accuracy=None, status="finished", **more):
    return Tried(
        number=number, method=more.pop("method", "random"), status=status,
        lanes=more.pop("lanes", LANES), accuracy=accuracy,
        accuracies=() if accuracy is None else (accuracy,), seconds=60.0, **more,
    )  # fmt: skip


SEARCH = SearchResult(
    facts=FACTS,
    tried=(
        tried(0, 0.20),
        tried(1, status="stopped"),
        tried(2, 0.40, attempts=2),
        tried(3, 0.30, method="tpe"),
        tried(4, status="running", lanes=()),
    ),
    confirmed=(
        Confirmed(candidate=2, model="best", seed=1, accuracy=0.36),
        Confirmed(candidate=2, model="baseline", seed=1, accuracy=0.37),
        Confirmed(candidate=2, model="best", seed=2, accuracy=0.34),
        Confirmed(candidate=2, model="baseline", seed=2, accuracy=0.38),
    ),
)


def rows(sheet):
    return [row for section in sheet.sections for row in section.rows]


def test_best_so_far_and_means():
    assert SEARCH.best.number == 2
    assert SEARCH.bests == [0.2, 0.2, 0.4, 0.4, 0.4]
    assert SEARCH.random_mean == pytest.approx(0.3)  # of 20 and 40 %: the third is of TPE
    assert SEARCH.share(BASELINE) == pytest.approx(1.0)
    # Twice 6.230 and 1.896 GFLOP, of 95.403.
    assert SEARCH.gflops(LANES) == pytest.approx(14.356, abs=0.002)
    assert SEARCH.share(LANES) == pytest.approx(0.1505, abs=1e-4)


def test_tables_show_candidates_limits_lanes_and_the_confirmation():
    candidates, limits, found, confirmed = report([SEARCH]).sheets()
    assert rows(candidates)[2][:5] == ("2", "random", "begun 2 times", "3", "14.4")
    assert [row[-3:-1] for row in rows(candidates)] == [
        ("20.00", "20.00"), ("", "20.00"), ("40.00", "40.00"), ("30.00", "40.00"), ("", "40.00")
    ]  # fmt: skip
    assert [row[2] for row in rows(candidates)] == ["", "stopped", "begun 2 times", "", "running"]
    assert rows(limits) == [
        ("1", "4", "2048", "3", "40.00", "30.00 ± 10.00", "30.00", "20.00")
    ]  # fmt: skip
    assert [row[:4] for row in rows(found)] == [("mlcn1", "1", "3", "1"), ("mlcn2", "2", "1", "2")]
    assert [(row[0], row[-1]) for row in rows(confirmed)] == [
        ("candidate 2", "35.00 ± 1.41"),
        ("4 lanes, width 2, depth 4", "37.50 ± 0.71"),
        ("mean of the random candidates", "30.00"),
    ]
    assert [row[3] for row in rows(confirmed)] == ["15.0", "100.0", ""]
    assert confirmed.notes[0] == (
        "small: candidate 2 is 2.50 points below the model with 4 lanes, a loss; 5.00 points "
        "above the mean at random, a gain of no more than the spread, 14.14."
    )
    assert confirmed.notes[1].startswith("Spread: the larger one of two standard deviations")
    assert "small: 1 × the FLOPs of 4 lanes, 4 devices of 2048 MiB" in to_text(confirmed)


def test_one_seed_is_no_verdict():
    once = dataclasses.replace(SEARCH, confirmed=SEARCH.confirmed[:2])
    assert report([once]).sheets()[-1].notes[0] == "small: candidate 2: one seed, no verdict."


def test_a_baseline_that_leaves_half_of_the_limit_is_called_so():
    double = dataclasses.replace(SEARCH, facts=FACTS | {"limits.flops": 2.0})
    confirmed = report([double]).sheets()[-1]
    assert rows(confirmed)[1][3] == "50.0"
    assert "the model with 4 lanes, which takes 50 % of the limit, a loss;" in confirmed.notes[0]


def test_accuracies_belong_to_the_candidate_that_was_confirmed():
    better = dataclasses.replace(SEARCH, tried=(*SEARCH.tried, tried(5, 0.50)))
    confirmed = report([better]).sheets()[-1]
    assert better.best.number == 5 and rows(confirmed)[0][0] == "candidate 2"
    assert confirmed.notes[0].endswith("15.28. Candidate 5 was better in the search.")
    both = dataclasses.replace(
        better,
        confirmed=(*SEARCH.confirmed, Confirmed(candidate=5, model="best", seed=1, accuracy=0.45)),
    )
    names = [section.rows[0][0] for section in report([both]).sheets()[-1].sections]
    assert names == ["candidate 5", "candidate 2"]


def test_reads_reports_that_do_not_name_the_confirmed_candidate(tmp_path):
    values = lane_search.to_values(SEARCH)
    for each in values["confirmed"]:
        del each["candidate"]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values))
    assert lane_search.load(path) == SEARCH


def test_searches_under_several_limits_are_put_side_by_side():
    double = dataclasses.replace(
        SEARCH, facts=FACTS | {"name": "double", "limits.flops": 2.0, "limits.memory_mib": None}
    )
    made = report([double, SEARCH])
    _, limits, _, _ = made.sheets()
    assert [row[:3] for row in rows(limits)] == [("1", "4", "2048"), ("2", "4", "unlimited")]
    assert sorted(made.figures()) == ["lanes", "limits", "progress"]
    assert len(made.rows()) == 10 and made.rows()[2]["best_accuracy"] == 0.4
    with pytest.raises(ConfigError, match="expected searches of different names"):
        report([SEARCH, SEARCH])


def test_files_are_read_back(tmp_path):
    report([SEARCH]).write(tmp_path, ["png"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "small-lanes.png", "small-lanes.toml", "small-progress.png", "small-search.csv",
        "small-search.json", "small-search.md", "small-search.tex", "small-search.txt",
    ]  # fmt: skip
    assert lane_search.load(tmp_path / "small-search.json") == SEARCH
    assert lane.read(tmp_path / "small-lanes.toml") == (LANES[0], LANES[2], LANES[1])
    assert lane_list(LANES[:1]) == '[[lane]]\ntype = "mlcn2"\nwidth = 2\ndepth = 1\ncount = 1\n'


def test_reports_on_several_searches_are_read_back(tmp_path):
    double = dataclasses.replace(SEARCH, facts=FACTS | {"name": "double"})
    path = tmp_path / "a.json"
    path.write_text(report([SEARCH, double]).render("json"))
    assert lane_search.load_all(path) == (SEARCH, double)
    with pytest.raises(RunError, match="a.json: expected a report on one search, received one on"):
        lane_search.load(path)


def test_what_is_no_report_is_refused(tmp_path):
    path = tmp_path / "a.json"
    for text in ("", "[]", "{}", '{"searches": []}', json.dumps({"schema": "other"})):
        path.write_text(text)
        with pytest.raises(RunError, match=r"a.json: expected the folder of a search"):
            lane_search.load(path)
    with pytest.raises(RunError, match=r"none: expected the folder of a search.*No such file"):
        lane_search.load(tmp_path / "none")
    with pytest.raises(RunError, match="small: no candidate is finished yet"):
        report([dataclasses.replace(SEARCH, tried=(tried(0, status="failed"),))])
