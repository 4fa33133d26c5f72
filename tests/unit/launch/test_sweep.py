"""The grid engine with an executor that trains nothing: what is run, repeated, refused, remembered.

A fake executor "trains" by writing the record that training would leave; one that kills its own
process stands for the machine that loses power in the middle.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.launch import definition_file, slurm_queue, sweep_command, sweep_state
from caps_hvd.launch.executors import Change
from caps_hvd.launch.executors.slurm import SlurmExecutor
from caps_hvd.launch.last_words import last_words
from caps_hvd.launch.sweep import Sweep
from caps_hvd.launch.sweep_directory import SweepDirectory
from caps_hvd.launch.sweep_display import LiveDisplay, event_line, plan_text, summary_line
from caps_hvd.report import sweep_record
from caps_hvd.run_files import RunFiles
from tests.unit.launch.fake_slurm import FakeSlurm

TEXT = """
name = "grid"
repetitions = 2
[train]
epochs = 2
batch_size = 32
[axes]
learning_rate = [0.001, 0.01]
"""
NAMES = [f"m1-learning_rate_{rate}-rep{n}" for n in (0, 1) for rate in ("0.001", "0.01")]


class FakeExecutor:
    """Ends a task per poll; those named in `fail` leave a log and no record."""

    interval_seconds = 0.0
    settle_seconds = 0.0

    def __init__(self, fail=(), kill_at=None, jobs=None):
        self.fail, self.kill_at, self.states = fail, kill_at, jobs or {}
        self.trained, self.watched, self.stopped, self.left = [], {}, False, []

    def look(self, tasks, jobs):
        return [
            Change(name, "ended", "Slurm's job 7 was cancelled")
            if self.states.get(job) == "cancelled"
            else Change(name, "running", job=job)
            for name, job in jobs.items()
        ]

    def start(self, tasks, jobs):
        self.left, self.watched = list(tasks), dict(jobs)
        return []

    def poll(self):
        task = self.left.pop(0)
        name = task.point.name
        self.trained.append(name)
        if name == self.kill_at:
            RunFiles.at(task.run).checkpoint.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        if name in self.fail:
            task.log.write_text("# 2026 mpirun\nTensorFlow speaks\ncaps_hvd: error: no memory\n")
            return [Change(name, "running"), Change(name, "ended", "exit code 2")]
        train(task)
        return [Change(name, "running"), Change(name, "ended")]

    def stop(self):
        self.stopped = True


def train(task, epochs=None):
    """What training leaves: a record with all epochs, in the point's own folder."""
    epochs = epochs or task.point.config.epochs
    example = json.loads(EXAMPLE.read_text())
    example["epochs"] = example["epochs"][:epochs]
    example["config"] = task.point.config.file_values() | {"epochs": epochs}
    files = RunFiles.at(task.run)
    files.record.write_text(json.dumps(example))
    files.history.write_text("epoch\n" + "1\n" * epochs)


REPOSITORY = Path(__file__).parents[3]
EXAMPLE = REPOSITORY / "docs" / "records" / "digits.json"


def run(folder, text=TEXT, executor=None, **options):
    executor = executor or FakeExecutor()
    definition = definition_file.parse(text, "grid.toml")
    directory = SweepDirectory.at(folder)
    with directory.locked():
        sweep = Sweep(definition, directory)
        sweep.run(executor, **options)
    return sweep, executor


def files(folder, name):
    return RunFiles.at(Path(folder, "points", name))


def statuses(folder):
    points = sweep_record.read(Path(folder) / "sweep.h5").points
    return {point.name: (point.status, point.error) for point in points}


def test_all_points_are_trained_once(tmp_path):
    told = []
    _, executor = run(tmp_path, tell=lambda point, status: told.append(point.name))
    assert executor.trained == NAMES and executor.stopped
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))
    assert told == [name for name in NAMES for _ in range(2)]
    again, executor = run(tmp_path)
    assert executor.trained == [] and not again.unfinished()
    result = sweep_record.read(tmp_path / "sweep.h5")
    assert (result.name, result.definition) == ("grid", TEXT)
    assert result.versions["horovod"] == "0.28.1"
    assert len(result.points[0].epochs) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "definition.toml", "lock", "points", "state.json", "sweep.h5",
    ]  # fmt: skip


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path):
    code = (
        "import sys; from tests.unit.launch.test_sweep import FakeExecutor, run\n"
        f"run(sys.argv[1], executor=FakeExecutor(kill_at={NAMES[2]!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [each[0] for each in statuses(tmp_path).values()] == ["finished"] * 2 + ["planned"] * 2
    times = {name: files(tmp_path, name).record.stat().st_mtime_ns for name in NAMES[:2]}
    _, executor = run(tmp_path)
    assert executor.trained == NAMES[2:]
    for name, before in times.items():
        assert files(tmp_path, name).record.stat().st_mtime_ns == before
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


def test_a_failing_point_stops_nobody_and_says_why(tmp_path):
    sweep, executor = run(tmp_path, executor=FakeExecutor(fail=NAMES[1:2]))
    assert executor.trained == NAMES
    assert statuses(tmp_path)[NAMES[1]] == ("failed", "exit code 2: no memory")
    assert [point.name for point in sweep.failed()] == NAMES[1:2]
    assert summary_line(sweep) == f"3 of 4 points finished, 1 failed; {tmp_path}/sweep.h5"
    _, executor = run(tmp_path, retry_failed=False)
    assert executor.trained == [] and statuses(tmp_path)[NAMES[1]][0] == "failed"
    _, executor = run(tmp_path)
    assert executor.trained == NAMES[1:2]
    assert statuses(tmp_path)[NAMES[1]] == ("finished", "")


def test_a_point_that_ends_well_without_a_record_has_failed(tmp_path):
    class Idle(FakeExecutor):
        def poll(self):
            return [Change(self.left.pop(0).point.name, "ended")]

    run(tmp_path, executor=Idle())
    assert statuses(tmp_path)[NAMES[0]] == ("failed", "it left no whole record")


def test_a_sweep_grows(tmp_path):
    run(tmp_path)
    _, executor = run(tmp_path, TEXT.replace("repetitions = 2", "repetitions = 3"))
    assert executor.trained == ["m1-learning_rate_0.001-rep2", "m1-learning_rate_0.01-rep2"]
    _, executor = run(tmp_path, TEXT.replace("epochs = 2", "epochs = 3"))
    assert executor.trained == NAMES  # they go on, from epoch 3
    assert len(sweep_record.read(tmp_path / "sweep.h5").points[0].epochs) == 3


class Distant(FakeExecutor):
    """Ends a task well; what it has trained is seen here at once, or when somebody waits for it."""

    settle_seconds = 60.0

    def __init__(self, epochs, late=False):
        super().__init__()
        self.epochs, self.late, self.unseen = epochs, late, []

    def poll(self):
        task = self.left.pop(0)
        self.trained.append(task.point.name)
        self.unseen.append(task)
        if not self.late:
            self.arrive()
        return [Change(task.point.name, "ended")]

    def arrive(self, seconds=1.0):
        while seconds and self.unseen:
            train(self.unseen.pop(), self.epochs)


MORE = TEXT.replace("epochs = 2", "epochs = 3")


def test_a_job_from_before_the_epochs_were_raised_has_not_failed(tmp_path, monkeypatch):
    executor = Distant(epochs=2)
    monkeypatch.setattr(time, "sleep", lambda seconds: seconds and pytest.fail("it waits"))
    told = []
    sweep, _ = run(
        tmp_path, MORE, executor, tell=lambda point, status: told.append(event_line(point, status))
    )
    assert executor.trained == NAMES and not sweep.failed()
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("planned", ""))
    assert told[0].endswith(f"{NAMES[0]}  planned  from epoch 3 on")
    _, executor = run(tmp_path, MORE, retry_failed=False)
    assert executor.trained == NAMES
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


def test_a_record_from_before_does_not_hide_that_the_new_one_is_late(tmp_path, monkeypatch):
    run(tmp_path)
    executor = Distant(epochs=3, late=True)
    monkeypatch.setattr(time, "sleep", executor.arrive)
    run(tmp_path, MORE, executor)
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("batch_size = 32", "batch_size = 16"),
            ["batch_size = 32", "grid.toml says 16", "3 more"],
        ),
        (("epochs = 2", "epochs = 1"), ["epochs = 2", "says 1"]),
        (('name = "grid"', 'name = "grid"\ndevice = "cpu"'), ["device = 'auto'", "says 'cpu'"]),
        (('name = "grid"', 'name = "grid"\nlauncher = "mpirun"'), ["launcher = 'auto'"]),
        (('name = "grid"', 'name = "other"'), ["holds the sweep 'grid', not 'other'"]),
    ],
)
def test_what_was_begun_is_not_made_something_else(tmp_path, change, words):
    run(tmp_path)
    before = (tmp_path / "definition.toml").read_text()
    executor = FakeExecutor()
    with pytest.raises(RunError) as caught:
        run(tmp_path, TEXT.replace(*change), executor)
    for word in [*words, "--output"]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value) and executor.trained == []
    assert (tmp_path / "definition.toml").read_text() == before


def test_what_trained_nothing_yet_may_be_changed(tmp_path):
    run(tmp_path, executor=FakeExecutor(fail=NAMES))
    _, executor = run(tmp_path, TEXT.replace("batch_size = 32", "batch_size = 16"))
    assert executor.trained == NAMES
    assert "batch_size = 16" in files(tmp_path, NAMES[0]).config.read_text()


def test_more_epochs_are_another_run_where_the_policy_is_planned_over_all_of_them(tmp_path):
    text = TEXT.replace("batch_size = 32", 'policy = "one-cycle"')
    run(tmp_path, text)
    with pytest.raises(RunError, match=r"was begun with train.epochs = 2, and grid.toml says 3"):
        run(tmp_path, text.replace("epochs = 2", "epochs = 3"))


def test_a_record_of_other_options_is_not_this_points(tmp_path):
    run(tmp_path)
    record = files(tmp_path, NAMES[0]).record
    record.write_text(record.read_text().replace('"batch_size": 32', '"batch_size": 64'))
    sweep, executor = run(tmp_path, retry_failed=False)
    assert executor.trained == [] and [point.name for point in sweep.failed()] == NAMES[:1]
    status, error = statuses(tmp_path)[NAMES[0]]
    assert status == "failed" and error == (
        f"{tmp_path}/points/{NAMES[0]}: holds a run with batch_size = 64, planned is 32; "
        "remove it to train again"
    )


def test_a_damaged_record_is_a_failure_that_is_told(tmp_path):
    run(tmp_path)
    files(tmp_path, NAMES[0]).record.write_text("{")
    _, executor = run(tmp_path, retry_failed=False)
    assert "not a JSON file" in statuses(tmp_path)[NAMES[0]][1] and executor.trained == []


def test_a_record_of_another_version_fails_its_point_only(tmp_path):
    run(tmp_path)
    record = files(tmp_path, NAMES[0]).record
    record.write_text(record.read_text().replace('"batch_size": 32', '"batch_size": 0'))
    sweep, _ = run(tmp_path, retry_failed=False)
    assert [point.name for point in sweep.failed()] == NAMES[:1]
    error = statuses(tmp_path)[NAMES[0]][1]
    assert error.startswith(f"{record}: batch_size: ") and error.endswith(
        "remove it to train again"
    )


def test_what_a_point_reads_is_not_written_again(tmp_path):
    run(tmp_path, executor=FakeExecutor(fail=NAMES))
    config, plan = files(tmp_path, NAMES[0]).config, tmp_path / "points" / f"{NAMES[0]}.toml"
    before = [path.stat().st_ino for path in (config, plan)]
    left = tmp_path / "points" / ".partial-1.m1.toml"
    left.touch()
    run(tmp_path, executor=FakeExecutor(fail=NAMES))
    assert [path.stat().st_ino for path in (config, plan)] == before
    assert not left.exists()
    run(tmp_path, MORE)
    assert "epochs = 3" in config.read_text() and "epochs = 3" in plan.read_text()


def test_two_sweeps_in_one_folder(tmp_path):
    directory = SweepDirectory.at(tmp_path)
    with directory.locked(), pytest.raises(RunError) as caught, directory.locked():
        pass
    assert f"process {os.getpid()} on" in str(caught.value) and "\n" not in str(caught.value)
    with directory.locked():
        pass


def test_jobs_in_a_queue_are_watched_and_not_submitted_again(tmp_path):
    class Queue(FakeExecutor):
        def start(self, tasks, jobs):
            super().start(tasks, jobs)
            for number, task in enumerate(tasks):
                name = task.point.name
                yield [Change(name, "waiting", job=jobs.get(name, f"{number}"))]

    _, executor = run(tmp_path, executor=Queue(), detach=True)
    assert executor.trained == []
    assert [sweep_state.read(tmp_path / "state.json").of(name).job for name in NAMES] == list(
        "0123"
    )
    told = []
    _, executor = run(
        tmp_path,
        executor=Queue(jobs={"1": "cancelled"}),
        tell=lambda point, status: told.append(event_line(point, status)[10:]),
    )
    assert executor.watched == {NAMES[0]: "0", NAMES[2]: "2", NAMES[3]: "3"}
    assert f"{NAMES[1]}  failed  Slurm's job 7 was cancelled" in told
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


class TestQueue:
    """With jobs of Slurm, here one that is only pretended."""

    TEXT = TEXT.replace("\n", '\nlauncher = "slurm"\n', 1)

    def run(self, folder, text=TEXT):
        definition = definition_file.parse(text, "grid.toml")
        directory = SweepDirectory.at(folder)
        with directory.locked():
            sweep = Sweep(definition, directory)
            sweep.run(SlurmExecutor(definition), detach=True)
        return sweep

    def jobs(self, folder):
        state = sweep_state.read(folder / "state.json")
        return [state.of(name).job for name in NAMES]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (("size = 32", "size = 16"), "train.batch_size = 32, and grid.toml says 16"),
            (('"slurm"', '"mpirun"'), "launcher = 'slurm', and grid.toml says 'mpirun'"),
        ],
    )
    def test_what_waits_is_not_made_something_else(self, monkeypatch, tmp_path, change, words):
        fake = FakeSlurm(monkeypatch)
        self.run(tmp_path)
        changed = self.TEXT.replace(*change)
        with pytest.raises(RunError) as caught:
            self.run(tmp_path, changed)
        assert str(caught.value) == (
            f"{tmp_path}/points/{NAMES[0]} is in Slurm's queue as job 100, with {words} (3 more "
            "points differ, too); set the value back, cancel with `scancel 100 101 102 103`, or "
            "name another folder with --output"
        )
        fake.found = dict.fromkeys(map(str, range(100, 104)), "cancelled")
        run(tmp_path, changed)  # trains here: nothing waits any more
        assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))

    def test_what_waits_may_get_more_epochs(self, monkeypatch, tmp_path):
        fake = FakeSlurm(monkeypatch)
        self.run(tmp_path)
        self.run(tmp_path, self.TEXT.replace("epochs = 2", "epochs = 3"))
        assert "epochs = 3" in files(tmp_path, NAMES[0]).config.read_text()
        assert len(fake.scripts) == 4

    @pytest.mark.parametrize("mode", ["jobs", "array"])
    @pytest.mark.parametrize("accepted", [True, False])
    def test_a_kill_at_any_moment_of_a_submission_submits_nothing_twice(
        self, monkeypatch, tmp_path, mode, accepted
    ):
        fake = FakeSlurm(monkeypatch)
        submit = fake.sbatch

        def killed(script, **options):
            if accepted or options.get("test_only"):
                submit(script, **options)
            if not options.get("test_only"):
                raise KeyboardInterrupt

        monkeypatch.setattr(slurm_queue, "sbatch", killed)
        text = f'{self.TEXT}[slurm]\nmode = "{mode}"\n'
        with pytest.raises(KeyboardInterrupt):
            self.run(tmp_path, text)
        assert not any(job.partition("_")[0].isdecimal() for job in self.jobs(tmp_path))
        monkeypatch.setattr(slurm_queue, "sbatch", submit)
        self.run(tmp_path, text)
        if mode == "array":
            assert self.jobs(tmp_path) == ["100_0", "100_1", "100_2", "100_3"]
        else:
            assert self.jobs(tmp_path) == ["100", "101", "102", "103"]
        assert sorted(fake.scripts) == sorted({int(job[:3]) for job in self.jobs(tmp_path)})

    def test_the_state_is_written_once_for_each_submission(self, monkeypatch, tmp_path):
        FakeSlurm(monkeypatch)
        written = []
        write = sweep_state.write
        monkeypatch.setattr(
            sweep_state, "write", lambda path, state: (written.append(path), write(path, state))
        )
        self.run(tmp_path, f'{self.TEXT}[slurm]\nmode = "array"\n')
        assert len(written) == 4  # before, the name, the number, at the end


def test_collecting_runs_nothing(tmp_path):
    run(tmp_path, executor=FakeExecutor(fail=NAMES[3:]))
    (tmp_path / "sweep.h5").unlink()
    with SweepDirectory.at(tmp_path).locked():
        Sweep(definition_file.parse(TEXT, "grid.toml"), SweepDirectory.at(tmp_path)).collect(
            FakeExecutor()
        )
    assert [each[0] for each in statuses(tmp_path).values()] == ["finished"] * 3 + ["failed"]


def test_a_damaged_state_is_refused(tmp_path):
    run(tmp_path)
    (tmp_path / "state.json").write_text('{"points": 3}')
    with pytest.raises(RunError, match="state.json: cannot be read .*remove it"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", ""),
        ("a\nb\n", "b"),
        ("caps_hvd: error: rank 1: disk full\n-----\nmpirun detected that one or more\n-----\n",
         "rank 1: disk full"),
        ("Traceback (most recent call last):\n  File x\nValueError: bad\n\n", "ValueError: bad"),
        ("# first start\ncaps_hvd: error: old\n# second start\nepoch 1\n", "epoch 1"),
        ("[1]<stderr>:caps_hvd: error: gone\nlater\n", "[1]<stderr>:gone"),
        ("slurmstepd: error: JOB 3 CANCELLED\n", "slurmstepd: error: JOB 3 CANCELLED"),
    ],
)  # fmt: skip
def test_the_last_words_of_a_log(tmp_path, log, said):
    (tmp_path / "log").write_text(log)
    assert last_words(tmp_path / "log") == said


def test_the_plan_as_a_table(tmp_path):
    sweep, _ = run(tmp_path)
    one, *_, last = plan_text(sweep.points[:2]).splitlines()
    assert one.split() == [
        "point",
        "machines",
        "ranks",
        *["batch", "per", "rank"],
        "seed",
        "epochs",
    ]
    assert last.split() == [NAMES[1], "1", "1", "32", "0", "2"]
    done = plan_text(sweep.points, dict(zip(NAMES, (2, 2, 1, 0), strict=True)))
    assert [line.split()[-1] for line in done.splitlines()] == ["done", "2", "2", "1", "0"]


def test_the_live_table_shows_every_point(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    sweep, _ = run(tmp_path, executor=FakeExecutor(fail=NAMES[3:]))
    with LiveDisplay(sweep) as display:
        display.refresh()
    shown = capsys.readouterr().out
    for word in [*NAMES, "finished", "failed", "2/2", "3 of 4 points finished"]:
        assert word in " ".join(shown.split())


def test_names_of_points_give_way_to_figures_on_a_narrow_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    sweep, _ = run(tmp_path, executor=FakeExecutor())
    with LiveDisplay(sweep) as display:
        display.refresh()
    shown = capsys.readouterr().out
    for word in ("finished", "2/2", "s/epoch", "%"):
        assert word in shown


class TestCommand:
    """`caps-hvd sweep` in this process."""

    @pytest.fixture(autouse=True)
    def _in_a_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("grid.toml").write_text(TEXT)
        self.executor = FakeExecutor()
        monkeypatch.setattr(sweep_command, "executor_for", lambda _: self.executor)

    def sweep(self, path="grid.toml", **options):
        values = {
            "output": None, "dry_run": False, "detach": False, "collect": False,
            "retry_failed": True,
        }  # fmt: skip
        sweep_command.run(path, **{**values, **options})

    def test_a_dry_run_writes_nothing(self, capsys):
        self.sweep(dry_run=True)
        assert capsys.readouterr().out.splitlines()[-1] == "4 points; sweeps/grid"
        assert not Path("sweeps").exists() and self.executor.trained == []
        self.sweep()
        self.sweep(dry_run=True)
        assert capsys.readouterr().out.splitlines()[-2].split()[-2:] == ["2", "2"]

    def test_a_dry_run_refuses_what_the_run_would_refuse(self):
        self.sweep()
        Path("grid.toml").write_text(TEXT.replace("batch_size = 32", "batch_size = 16"))
        with pytest.raises(RunError, match="was begun with train.batch_size = 32"):
            self.sweep(dry_run=True)

    def test_an_interrupted_sweep_says_how_to_go_on(self, capsys, monkeypatch):
        def interrupted():
            raise KeyboardInterrupt

        monkeypatch.setattr(self.executor, "poll", interrupted)
        with pytest.raises(KeyboardInterrupt):
            self.sweep()
        assert "stopped, the same command goes on: 0 of 4 points" in capsys.readouterr().out

    def test_a_dry_run_counts_jobs(self, capsys):
        Path("grid.toml").write_text(f'launcher = "slurm"\n{TEXT}')
        self.sweep(dry_run=True)
        assert capsys.readouterr().out.splitlines()[-1] == (
            "4 points in 4 jobs of Slurm; sweeps/grid"
        )

    def test_the_folder_stands_for_the_definition(self, capsys):
        self.executor.fail = NAMES[3:]
        with pytest.raises(RunError) as caught:
            self.sweep()
        assert str(caught.value) == (
            f"sweeps/grid: 1 of 4 points failed; their logs: sweeps/grid/points/{NAMES[3]}.log"
        )
        self.executor = FakeExecutor()
        self.sweep("sweeps/grid")
        assert self.executor.trained == NAMES[3:]
        self.sweep("sweeps/grid", collect=True)
        assert capsys.readouterr().out.splitlines()[-1].startswith("4 of 4 points finished")

    def test_the_folder_keeps_the_hosts(self, capsys):
        Path("lab").write_text("localhost slots=2  # here\n")
        Path("hosts.toml").write_text(f'hostfile = "lab"\n{TEXT}')
        self.sweep("hosts.toml", output="elsewhere")
        Path("lab").unlink()
        self.sweep("elsewhere")
        assert self.executor.trained == NAMES
        assert capsys.readouterr().out.splitlines()[-1].startswith("4 of 4 points finished")

    def test_hosts_that_nobody_knows(self):
        Path("lab").write_text("localhost\nno-such-host.invalid\n")
        text = f'hostfile = "lab"\nmachine_counts = [1, 2]\n{TEXT}'
        Path("hosts.toml").write_text(text)
        with pytest.raises(ConfigError, match="lab: line 2: .*no-such-host.invalid"):
            self.sweep("hosts.toml")
        assert not Path("sweeps").exists()

    def test_a_host_file_that_is_not_there(self):
        Path("hosts.toml").write_text(f'machine_counts = [1, 2]\nhostfile = "none"\n{TEXT}')
        with pytest.raises(ConfigError, match="^hosts.toml: line 2: hostfile: expected a file, "):
            self.sweep("hosts.toml")

    def test_a_folder_that_is_no_sweep(self):
        with pytest.raises(ConfigError, match="without a definition.toml"):
            self.sweep(".")

    def test_only_a_queue_can_be_left_alone(self):
        with pytest.raises(ConfigError, match="--detach.*tmux"):
            self.sweep(detach=True)
