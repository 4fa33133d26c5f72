"""`caps-hvd optimize` with an executor that trains nothing: refused, resumed, reported, chosen."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from caps_hvd.cli import cli
from caps_hvd.config.file import load
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records import sweep_record
from caps_hvd.search import optimize as optimize_command
from caps_hvd.sweep import commands, definition_file
from caps_hvd.sweep.points import config_of, plan
from tests.unit.report.trade_off import policy_sweeps
from tests.unit.sweep.fake_training import FakeExecutor

NAMES = [
    f"m1-policy_{policy}-weight_sharing_{sharing}-rep{seed}"
    for seed in (0, 1)
    for policy in ("fixed", "warmadabatch")
    for sharing in (False, True)
]
REPORTS = [f"policies-trade-off.{ending}" for ending in ("csv", "json", "md", "tex", "txt")]


@pytest.fixture(autouse=True)
def executor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("grid.toml").write_text(policy_sweeps.DEFINITION)
    executor = FakeExecutor()
    monkeypatch.setattr(commands, "executor_for", lambda _: executor)
    return executor


def optimize(*arguments):
    """What the command prints; its errors are raised."""
    done = CliRunner().invoke(cli, ["optimize", *arguments, "--no-plots"], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done


def read(folder="sweeps/policies/report"):
    return json.loads(Path(folder, "policies-trade-off.json").read_text())


def test_a_grid_is_trained_once_and_reported(executor):
    said = optimize("grid.toml").stdout
    assert executor.trained == NAMES
    assert "8 of 8 points finished; sweeps/policies/sweep.h5" in said
    assert "policies: accuracy, time and size, measured" in said
    folder = Path("sweeps/policies/report")
    assert sorted(path.name for path in folder.iterdir()) == ["chosen.toml", *REPORTS]
    assert {row["seeds"] for row in read()["rows"]} == {2}
    optimize("sweeps/policies", "--collect")
    optimize("sweeps/policies")
    assert executor.trained == NAMES


def test_a_dry_run_shows_the_plan_and_reports_nothing(executor):
    assert optimize("grid.toml", "--dry-run").stdout.splitlines()[-1] == "8 points; sweeps/policies"
    assert not Path("sweeps").exists() and executor.trained == []


def test_jobs_that_are_left_in_a_queue_are_reported_later(executor):
    Path("grid.toml").write_text(f'launcher = "slurm"\n{policy_sweeps.DEFINITION}')
    optimize("grid.toml", "--detach")
    assert executor.trained == [] and not Path("sweeps/policies/report").exists()
    with pytest.raises(RunError, match="sweep policies: none of its 8 points is finished$"):
        optimize("grid.toml", "--collect")
    optimize("grid.toml")
    assert len(read()["rows"]) == 4


def test_what_has_failed_is_named_after_the_report(executor):
    executor.fail = NAMES[2:3]
    with pytest.raises(RunError, match=f"1 of 8 points failed; their logs: .*{NAMES[2]}.log$"):
        optimize("grid.toml")
    assert read()["failed_points"] == [{"name": NAMES[2], "error": "exit code 2: no memory"}]
    assert [row["seeds"] for row in read()["rows"]] == [2, 2, 1, 2]
    executor.fail = ()
    optimize("grid.toml")
    assert read()["failed_points"] == []


def test_a_bug_is_not_hidden_by_what_has_failed(executor, monkeypatch):
    executor.fail = NAMES[2:3]
    monkeypatch.setattr(optimize_command.SelectionRequest, "select", lambda *_: {}["bug"])
    with pytest.raises(KeyError, match="bug"):
        optimize("grid.toml")


def test_nothing_finished(executor):
    executor.fail = NAMES
    with pytest.raises(RunError, match="8 of 8 points failed"):
        optimize("grid.toml")
    assert not Path("sweeps/policies/report").exists()


class TestRecord:
    """The HDF5 file alone: a report, and the configuration from the definition in it."""

    @pytest.fixture(autouse=True)
    def _record(self):
        sweep_record.write("policies.h5", policy_sweeps.sweep())

    def test_reported_and_chosen(self):
        done = optimize("policies.h5", "--minimise", "time", "--accuracy-at-least", "96.5")
        assert "warmadabatch  96.50 ± 0.71" in done.stdout
        path = Path("policies-report", "chosen.toml")
        text = path.read_text()
        head = " ".join(line.removeprefix("# ") for line in text.splitlines() if line[:1] == "#")
        for words in (
            "from the sweep policies of 2026-11-21T08:00:00+00:00: policy warmadabatch, weight",
            "Criterion: least time, accuracy at least 96.5 %.",
            "Measured: 96.50 +- 0.71 % after epoch 2, mean of 2 seeds, 38.0 s of training",
            "With 1 rank on 1 machine; the seed below is the first of them.",
        ):
            assert words in head
        config = load(path)
        assert (config.policy, config.weight_sharing, config.seed) == ("warmadabatch", True, 5)
        assert (config.epochs, config.first_epochs) == (3, 1)
        definition = definition_file.parse(policy_sweeps.DEFINITION)
        assert config == plan(definition)[3].config

    def test_printed_alone_in_another_format_and_place(self):
        done = optimize("policies.h5", "--format", "json", "--output", "x", "--published")
        assert json.loads(done.stdout)["rows"][-1]["kind"] == "published"
        assert Path("x", "chosen.toml").exists()

    def test_a_definition_that_had_its_name_from_its_file(self):
        sweep = policy_sweeps.sweep()
        text = sweep.definition.replace('name = "policies"', "")
        sweep_record.write("policies.h5", dataclasses.replace(sweep, definition=text))
        optimize("policies.h5")
        assert load("policies-report/chosen.toml").seed == 5

    @pytest.mark.parametrize(
        ("ranks", "program"),
        [(1, "caps-hvd train"), (4, "caps-hvd launch -np 4 -- python -m caps_hvd.train")],
    )
    def test_says_how_to_train_what_is_chosen(self, ranks, program):
        sweep = policy_sweeps.sweep()
        points = [dataclasses.replace(point, ranks=ranks) for point in sweep.points]
        sweep_record.write("policies.h5", dataclasses.replace(sweep, points=points))
        said = optimize("policies.h5").stderr
        assert said.endswith(f" no; {program} --config policies-report/chosen.toml\n")

    def test_a_definition_of_another_version(self):
        optimize("policies.h5")
        sweep = policy_sweeps.sweep()
        text = f'launcher = "slurm"\n{sweep.definition}\n[slurm]\nat_once = 4\n'
        sweep_record.write("policies.h5", dataclasses.replace(sweep, definition=text))
        with pytest.raises(RunError) as caught:
            optimize("policies.h5")
        message = str(caught.value)
        assert message.startswith("policies.h5: the definition inside is of another version")
        assert "line 17: slurm.at_once: unknown key" in message
        assert "chosen.toml could not be written" in message
        assert "policies.toml" not in message and "\n" not in message
        assert read("policies-report")["chosen"] == "policy warmadabatch, weight sharing no"
        assert not Path("policies-report", "chosen.toml").exists()

    def test_the_configuration_kept_in_the_file_is_taken_before_the_definition(self):
        sweep = policy_sweeps.sweep()
        points = plan(definition_file.parse(sweep.definition))
        kept = [
            dataclasses.replace(result, config=point.config.to_toml())
            for result, point in zip(sweep.points, points, strict=True)
        ]
        text = f"{sweep.definition}\nunknown = 4\n"
        sweep_record.write("policies.h5", dataclasses.replace(sweep, definition=text, points=kept))
        optimize("policies.h5", "--minimise", "time", "--accuracy-at-least", "96.5")
        assert load("policies-report/chosen.toml") == points[3].config

    def test_another_baseline(self):
        optimize("policies.h5", "--baseline", "policy=warmadabatch", "--baseline",
                 "weight_sharing=yes")  # fmt: skip
        assert read("policies-report")["baseline"] == "policy warmadabatch, weight sharing yes"

    def test_nothing_within_the_limit_leaves_no_choice_behind(self):
        optimize("policies.h5")
        with pytest.raises(RunError, match="highest accuracy is 98.00 % .policy warmadabatch, w"):
            optimize("policies.h5", "--accuracy-at-least", "99")
        assert not Path("policies-report", "chosen.toml").exists()
        assert read("policies-report")["chosen"] is None

    @pytest.mark.parametrize("option", ["--dry-run", "--detach", "--collect"])
    def test_there_is_nothing_to_train(self, option):
        with pytest.raises(ConfigError, match=f"{option}: policies.h5 holds results"):
            optimize("policies.h5", option)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minimise", "tme"], "--minimise: expected one of .*; did you mean 'time'"),
        (["--weight", "speed=1"], "--weight: expected one of accuracy, time"),
        (["--baseline", "policy"], "--baseline: expected an axis and its value"),
        (
            ["--baseline", "policy=fixed", "--baseline", "policy=one"],
            "--baseline: expected each axis once, received policy=fixed and policy=one; keep one",
        ),
        (["--baseline", "batch=1"], "--baseline: expected an axis of the grid, machines, policy"),
        (["--baseline", "policy=one"], "--baseline policy: expected one of fixed, warmadabatch"),
        (["--format", "markdwn"], "--format: expected one of .*; did you mean 'markdown'"),
        (["--pictures", "gif"], "--pictures: expected formats"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(executor, arguments, message):
    with pytest.raises(ConfigError, match=message):
        optimize("grid.toml", *arguments)
    assert executor.trained == [] and not Path("sweeps").exists()


@pytest.mark.parametrize("axes", ["", '[axes]\npolicy = ["fixed"]\n'])
def test_a_grid_with_one_configuration(executor, axes):
    Path("one.toml").write_text(f"repetitions = 3\n{axes}")
    with pytest.raises(ConfigError, match="axes: expected a grid of at least 2 conf.*received 1;"):
        optimize("one.toml")
    assert executor.trained == [] and not Path("sweeps").exists()


def test_a_configuration_of_another_definition():
    definition = definition_file.parse(policy_sweeps.DEFINITION)
    axes = {"machines": 1, "policy": "one-cycle", "weight_sharing": True, "repetition": 0}
    with pytest.raises(ConfigError, match="axes.policy: expected 'one-cycle' among its values"):
        config_of(definition, axes, ranks=1)


def test_strong_scaling_needs_the_ranks_alone():
    text = "[train]\nbatch_size = 64\n[axes]\nepochs = [2, 3]\n"
    definition = definition_file.parse(f'scaling = "strong"\nmachine_counts = [4]\n{text}')
    config = config_of(definition, {"machines": 4, "epochs": 3, "repetition": 2}, ranks=8)
    assert (config.batch_size, config.epochs, config.seed) == (8, 3, 2)
    assert config.scale_learning_rate == "none"


def test_seeds_are_nothing_to_choose():
    Path("grid.toml").write_text("[axes]\nseed = [1, 2]\n")
    with pytest.raises(ConfigError, match="line 2: axes.seed: a seed .* repetitions = 2"):
        optimize("grid.toml")
