"""`caps-hvd lanes search`, `confirm` and `search-report`, with training that is only pretended."""

import dataclasses
import json
import re
import subprocess
import sys
import tomllib

import pytest

from caps_hvd.cli import cli
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io import lock
from caps_hvd.lanes import lane
from caps_hvd.lanes.space import draw
from caps_hvd.records import lane_search as lane_search_data
from caps_hvd.search import run as lane_search
from caps_hvd.search.study import Candidate
from caps_hvd.sweep import commands
from tests.unit.sweep.fake_training import FakeExecutor, train

TEXT = """
name = "small"
trials = 3
repetitions = 2
[train]
dataset = "cifar10"
epochs = 2
[lanes]
widths = [2, 3]
depths = [1, 3]
"""


class Training(FakeExecutor):
    """Leaves a better record the fewer lanes a model has; the baseline has four."""

    def poll(self):
        task = self.left[0]
        changes = super().poll()
        record = task.run / "record.json"
        if record.exists():
            values = json.loads(record.read_text())
            lanes, seed = len(task.point.config.lane_list), task.point.config.seed
            values["result"]["test_accuracy"] = 1 / lanes + 0.01 * (seed % 2)
            record.write_text(json.dumps(values))
        return changes


@pytest.fixture
def executors(monkeypatch):
    """The executors that were made; what is set in `options` is how the next ones are made."""
    made = []

    def executor_for(definition):
        made.append(Training(**executor_for.options))
        return made[-1]

    executor_for.options = {}
    monkeypatch.setattr(commands, "executor_for", executor_for)
    return executor_for, made


@pytest.fixture
def definition(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


def run(*arguments):
    cli.main(args=["lanes", *map(str, arguments)], standalone_mode=False)


def test_searches_reports_and_confirms(tmp_path, definition, executors, capsys):
    folder = tmp_path / "found"
    run("search", definition, "--output", folder)
    said = capsys.readouterr().out
    assert re.search(r"\d\d:\d\d:\d\d  candidate 0: \d+ lanes\n", said)
    assert "candidate 2: test " in said and said.endswith(f"{folder}` says what was found\n")
    space = lane_search.read_definition(folder).space((32, 32, 3), 10)
    candidates = [draw(space, 0, number) for number in range(3)]
    for number, lanes in enumerate(candidates):
        sweep = tomllib.loads((folder / "trials" / f"{number:04d}" / "definition.toml").read_text())
        assert sweep["train"]["lane_list"] == [str(each) for each in lanes]
    result = lane_search_data.load(folder)
    assert [each.lanes for each in result.tried] == candidates
    first = len(candidates[0])
    assert result.tried[0].accuracies == pytest.approx((1 / first, 1 / first + 0.01))
    assert result.tried[0].accuracy == pytest.approx((1 / first * (1 / first + 0.01)) ** 0.5)

    _, made = executors
    before = len(made)
    run("search", folder)  # nothing is left
    assert len(made) == before

    run("confirm", folder)
    confirmed = lane_search_data.load(folder).confirmed
    best = result.best.number
    assert [(each.candidate, each.model, each.seed) for each in confirmed] == [
        (best, "best", 2), (best, "baseline", 2), (best, "best", 3), (best, "baseline", 3)
    ]  # fmt: skip
    capsys.readouterr()
    run("search-report", folder, "--no-plots")
    shown = capsys.readouterr().out
    # Fewer than the baseline's lanes fit nowhere, and with as many it would be as good.
    verdict = r"small: candidate \d is \d+\.\d\d points (below|above) the model with 4 lanes"
    assert re.search(verdict, shown)
    written = folder / "report" / "small-lanes.toml"
    assert sorted(lane.read(written), key=str) == sorted(result.best.lanes, key=str)
    again = lane_search_data.load(folder / "report" / "small-search.json")
    assert again == lane_search_data.load(folder)


def test_a_better_candidate_is_confirmed_beside_the_former_best(
    tmp_path, definition, executors, monkeypatch
):
    folder = tmp_path / "found"
    run("search", definition, "--output", folder)
    run("confirm", folder, "--repetitions", 1)
    former = lane_search_data.load(folder)
    better = next(each for each in former.tried if each != former.best)
    now = dataclasses.replace(
        former,
        tried=tuple(
            dataclasses.replace(each, accuracy=1.0) if each == better else each
            for each in former.tried
        ),
    )
    with monkeypatch.context() as patch:
        patch.setattr(lane_search_data, "load", lambda path: now)
        run("confirm", folder, "--repetitions", 1)
    found = lane_search_data.load(folder).confirmed
    assert {each.candidate for each in found} == {former.best.number, better.number}
    lanes = {each.number: len(each.lanes) for each in former.tried}
    for each in found:
        if each.model == "best":
            assert each.accuracy == pytest.approx(1 / lanes[each.candidate])


def test_a_candidate_that_fails_names_its_log_and_can_be_tried_again(
    tmp_path, definition, executors, capsys
):
    executor_for, _ = executors
    executor_for.options = {"fail": ["m1-rep1"]}
    folder = tmp_path / "found"
    with pytest.raises(RunError, match=r"0000: 1 of 2 points failed; their logs: .*m1-rep1\.log"):
        run("search", definition, "--output", folder)
    executor_for.options = {}
    run("search", definition, "--output", folder)
    assert [each.status for each in lane_search_data.load(folder).tried] == [
        "failed", "finished", "finished"
    ]  # fmt: skip
    run("search", folder, "--retry-failed")
    tried = lane_search_data.load(folder).tried
    assert {each.status for each in tried} == {"finished"} and tried[0].attempts == 2


def test_ctrl_c_ends_what_was_started_and_says_how_to_go_on(
    tmp_path, definition, executors, monkeypatch, capsys
):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "poll", interrupt)
    with pytest.raises(KeyboardInterrupt):
        lane_search.run(definition, output=tmp_path / "found")
    assert executors[1][0].stopped
    assert capsys.readouterr().out.endswith("  stopped; the same command goes on\n")
    assert [each.status for each in lane_search_data.load(tmp_path / "found").tried] == ["waiting"]


def test_epochs_are_reported_while_a_candidate_trains(tmp_path, definition, executors, monkeypatch):
    def poll(self):
        task = self.left[0]
        history = task.run / "history.csv"
        if not history.exists():
            history.write_text("epoch,test_accuracy\n1,0.25\n2,0.5\n")
            return []
        train(self.left.pop(0))
        return []

    reports = []
    monkeypatch.setattr(Training, "poll", poll)
    sweep = lane_search.read_definition(definition)
    training = lane_search.training(sweep, tmp_path)

    class Ended(Exception):
        pass

    def report(step, accuracy):
        reports.append((step, accuracy))
        raise Ended

    with pytest.raises(Ended):
        training(Candidate(0, (lane.Lane("mlcn1", 2),)), report)
    assert reports == [(1, 0.25)] and executors[1][0].stopped


def test_a_training_that_has_lost_its_search_is_waited_for(tmp_path, definition, executors):
    folder = tmp_path / "trials" / "0000" / "points" / "m1-rep1"
    folder.mkdir(parents=True)
    code = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(flush=True); time.sleep(1); open(sys.argv[2], 'w')"
    )
    ended = tmp_path / "ended"
    command = [sys.executable, "-c", code, folder / "lock", ended]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        training = lane_search.training(lane_search.read_definition(definition), tmp_path)
        training(Candidate(0, (lane.Lane("mlcn1", 2),)), lambda step, accuracy: None)
        assert ended.exists()


@pytest.mark.parametrize("locked", ["lock", "points/m1-rep1/lock"])
def test_a_candidate_whose_folder_stays_in_use_is_put_back(
    tmp_path, definition, executors, monkeypatch, locked
):
    monkeypatch.setattr(lane_search, "_WAIT_SECONDS", 0.1)
    folder = tmp_path / "found"
    path = folder / "trials" / "0000" / locked
    path.parent.mkdir(parents=True)
    with lock.held(path, RunError), pytest.raises(RunError, match="in use by process .* put back"):
        lane_search.run(definition, output=folder)
    assert [each.status for each in lane_search_data.load(folder).tried] == ["waiting"]
    lane_search.run(definition, output=folder)
    assert {each.status for each in lane_search_data.load(folder).tried} == {"finished"}


def test_what_a_search_needs_is_refused_before_it_begins(tmp_path, definition):
    definition.write_text(TEXT.replace("cifar10", "digits"))
    with pytest.raises(ConfigError, match=r"small.toml: line 6: train.dataset: expected one of mn"):
        lane_search.run(definition, output=tmp_path / "found")
    assert not (tmp_path / "found").exists()
    with pytest.raises(ConfigError, match=r"the folder of a search, but it has no definition.toml"):
        lane_search.run(tmp_path)
    with pytest.raises(ConfigError, match="SEARCH: expected the folder of a search, received no"):
        run("confirm", "nowhere")
    with pytest.raises(RunError, match=r"it has no journal.log"):
        lane_search_data.load(tmp_path)
    with pytest.raises(
        RunError, match=r"small.toml: expected the folder of a search, or the .json"
    ):
        lane_search_data.load(definition)


def test_reports_on_a_search_without_results_say_so(tmp_path, definition, executors, monkeypatch):
    monkeypatch.setattr(Training, "poll", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        lane_search.run(definition, output=tmp_path / "found")
    for command in ("search-report", "confirm"):
        with pytest.raises(RunError, match="small: no candidate is finished yet; go on with"):
            run(command, tmp_path / "found")


def test_help_answers_without_optuna():
    code = (
        "import sys; from caps_hvd.cli import cli\n"
        "try: cli(['lanes', 'search', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'optuna', 'numpy', 'psutil', 'h5py', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
