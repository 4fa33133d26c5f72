"""What a search is: its file, what of it is refused, and the sweeps that come of it."""

import dataclasses
import json
from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.lane import Lane
from caps_hvd.search import definition
from caps_hvd.search.definition import parse
from caps_hvd.sweep.points import plan

JOBS = Path(__file__).parents[3] / "jobs" / "mlcn"
TEXT = """
name = "small"
trials = 8
repetitions = 2
[train]
dataset = "cifar10"
epochs = 3
seed = 5
data_dir = "/data"
[limits]
flops = 2
devices = 8
memory_mib = 4096
[lanes]
types = ["mlcn2"]
widths = [1, 2]
"""


def test_reads_a_sweep_with_two_more_tables():
    found = parse(TEXT)
    assert (found.name, found.trials, found.sampler, found.seed) == ("small", 8, "random", 5)
    assert (found.limits.flops, found.limits.devices, found.limits.memory_mib) == (2.0, 8, 4096.0)
    assert (found.lanes.types, found.lanes.widths, found.lanes.depths) == (
        ("mlcn2",), (1, 2), (1, 4)
    )  # fmt: skip
    assert found.sweep.repetitions == 2 and found.sweep.train["epochs"] == 3
    space = found.space((32, 32, 3), 10)
    assert (space.devices, space.memory_mib) == (8, 4096.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials = 8", "trials = 0", r"a.toml: line 3: trials: expected an integer of at least 1"),
        ("trials = 8", "trails = 8", r"a.toml: line 3: trails: unknown key; did you mean 'trials'"),
        ("flops = 2", "flop = 2", r"a.toml: line 11: limits.flop: unknown key.*'flops'"),
        ("flops = 2", "flops = -1", r"line 11: limits.flops: expected a number above 0"),
        ("[1, 2]", "[2, 1]", r"line 16: lanes.widths: expected \[least, most\], .*\[2, 1\]"),
        ("[1, 2]", "3", r"line 16: lanes.widths: expected a list, received 3"),
        ('["mlcn2"]', '["mlcn3"]', r"line 15: lanes.types: expected types of mlcn1, mlcn2"),
        ("epochs = 3", "epoch = 3", r"line 7: train.epoch: unknown key; did you mean 'epochs'"),
        ("epochs = 3", "lanes = 3", r"line 7: train.lanes: the search chooses it"),
        ("repetitions = 2", "machine_counts = [1, 2]", r"machine_counts: a search has no axes"),
        ('"small"', '"small"\nlauncher = "slurm"', r"line 3: launcher: a search waits for its"),
        ('"small"', '"small"\nsampler = "grid"', r"line 3: sampler: expected one of random, tpe"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(old, new, message):
    with pytest.raises(ConfigError, match=message):
        parse(TEXT.replace(old, new), "a.toml")


def test_limits_that_no_lane_fits():
    found = parse(TEXT.replace("devices = 8", "devices = 800"), "a.toml")
    with pytest.raises(ConfigError, match=r"a.toml: line 10: limits: flops: expected room for the"):
        found.space((32, 32, 3), 10)


def test_a_candidate_is_a_sweep_of_its_repetitions():
    lanes = (Lane("mlcn2", 2), Lane("mlcn1", 1, 3))
    sweep = parse(TEXT).candidate(7, lanes, "trials/0007/definition.toml")
    points = plan(sweep)
    assert (sweep.name, [point.name for point in points]) == ("small-0007", ["m1-rep0", "m1-rep1"])
    assert [point.config.seed for point in points] == [5, 6]
    assert points[0].config.model == "mlcn" and points[0].config.epochs == 3
    assert points[0].config.lane_list == (Lane("mlcn2", 2, 1), Lane("mlcn1", 1, 3))


def test_a_confirmation_has_new_seeds_and_the_model_of_four_lanes():
    points = plan(parse(TEXT).confirmation((Lane("mlcn2", 2),), 2, "definition.toml"))
    assert {point.config.seed for point in points} == {7, 8}  # the search has used 5 and 6
    assert {(point.axes["lanes"], len(point.config.lane_list)) for point in points} == {
        ("best", 1), ("baseline", 4)
    }  # fmt: skip
    baseline = next(p for p in points if p.axes["lanes"] == "baseline").config
    assert set(baseline.lane_list) == {Lane("mlcn2", 2, 4)}


def test_facts_are_what_makes_candidates_comparable():
    facts = parse(TEXT).facts((32, 32, 3), 10)
    assert facts["limits.flops"] == 2.0 and facts["train.epochs"] == 3
    assert facts["lanes.widths"] == [1, 2] and facts["batch_size"] == 100
    assert "train.data_dir" not in facts and "trials" not in facts
    assert not {"train.model", "train.lane_list", "train.seed", "train.batch_size"} & set(facts)
    assert (facts["ranks_per_machine"], facts["scaling"]) == (1, "weak")
    assert json.loads(json.dumps(facts)) == facts


def test_facts_are_the_same_where_a_default_is_written_out():
    texts = TEXT, TEXT.replace("epochs = 3", "epochs = 3\nlearning_rate = 0.001")
    plain, written = (parse(text).facts((32, 32, 3), 10) for text in texts)
    assert plain == written


def test_tpe_needs_accuracies_before_the_end():
    text = TEXT.replace("epochs = 3", "epochs = 3\nevaluate_every = 0")
    message = r"a.toml: line 8: train.evaluate_every: expected at least 1, .*received 0; set it to"
    with pytest.raises(ConfigError, match=message):
        parse(f'sampler = "tpe"{text}', "a.toml")
    with pytest.raises(ConfigError, match="sampler tpe can stop"):
        dataclasses.replace(parse(text), sampler="tpe")  # as --sampler does


def test_is_kept_with_its_name_and_a_whole_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('hostfile = "hosts"\nlauncher = "mpirun"\n')
    kept = parse(definition.read(path).kept_text())
    assert (kept.name, kept.sweep.hostfile) == ("mine", str(tmp_path / "hosts"))
    assert parse(TEXT).kept_text() == TEXT


@pytest.mark.parametrize("path", sorted(JOBS.glob("search*.toml")), ids=lambda path: path.stem)
def test_the_jobs_can_be_planned(path):
    found = definition.read(path)
    assert found.trials >= 8 and found.sweep.train["dataset"] == "cifar10"
    assert found.space((32, 32, 3), 10).kinds


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none.toml: cannot read the search's definition: No su"):
        definition.read(tmp_path / "none.toml")
