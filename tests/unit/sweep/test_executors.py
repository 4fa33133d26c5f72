"""Executors: processes under a supervisor, and jobs of a Slurm that is only pretended."""

import dataclasses
import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch import supervisor
from caps_hvd.launch.hosts import hostfile
from caps_hvd.launch.launchers import Launch
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.executors.base import Change, SweepTask
from caps_hvd.sweep.executors.local import LocalExecutor, launch_of
from caps_hvd.sweep.executors.slurm import SlurmExecutor, jobs_of
from caps_hvd.sweep.points import plan
from caps_hvd.system import slurm_queue
from tests.unit.sweep.fake_slurm import FakeSlurm

HOSTS = hostfile.parse_list("a:2,b:2")


def tasks(folder, text="", hosts=None):
    definition = definition_file.parse(text, "lab.toml")
    points = plan(definition, hosts)
    return definition, [
        SweepTask(point, folder / point.name, folder / f"{point.name}.log") for point in points
    ]


def with_jobs(tasks, jobs):
    return [dataclasses.replace(task, job=jobs.get(task.point.name)) for task in tasks]


def run(executor, ends=1, seconds=60):
    """Polls until so many points have ended; gives all that was said."""
    changes, deadline = [], time.monotonic() + seconds
    while sum(change.status == "ended" for change in changes) < ends:
        assert time.monotonic() < deadline
        changes += executor.poll()
        time.sleep(0.02)
    return changes


def gone(pid, seconds=30):
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


def pid_in(path, seconds=30):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


# A program whose child has a session of its own, as horovodrun's ranks have.
RUNAWAY = 'setsid sh -c \'echo $$ > "$0"; exec sleep 600\' "$0" & wait'


class TestLeash:
    @pytest.mark.parametrize(
        ("program", "code"),
        [
            (["true"], 0),
            (["sh", "-c", "exit 7"], 7),
            (["sh", "-c", "kill -9 $$"], 137),
            (["no such program"], 127),
        ],
    )
    def test_exit_codes(self, program, code):
        assert subprocess.run(supervisor.command(program), timeout=60).returncode == code

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_nothing_outlives_the_holder(self, tmp_path, number):
        code = (
            "import subprocess, sys; from caps_hvd.launch import supervisor\n"
            "subprocess.run(supervisor.command(['sh', '-c', *sys.argv[1:]]))"
        )
        holder = subprocess.Popen([sys.executable, "-c", code, RUNAWAY, str(tmp_path / "pid")])
        runaway = pid_in(tmp_path / "pid")
        holder.send_signal(number)
        holder.wait(30)
        assert gone(runaway)

    def test_what_a_program_leaves_behind_is_ended(self, tmp_path):
        left = 'setsid sleep 600 & echo $! > "$0"'
        subprocess.run(supervisor.command(["sh", "-c", left, str(tmp_path / "pid")]), timeout=60)
        assert gone(pid_in(tmp_path / "pid"))


class TestLocal:
    def executor(self, definition, *words):
        return LocalExecutor(definition, lambda task: Launch(tuple(words), {"NAME": "it's"}))

    def test_points_run_one_after_another_into_their_logs(self, tmp_path):
        definition, both = tasks(tmp_path, "repetitions = 2")
        executor = self.executor(definition, "sh", "-c", 'echo "$NAME"; exit 3')
        executor.start(both)
        assert run(executor, ends=2) == [
            Change("m1-rep0", "running"),
            Change("m1-rep0", "ended", "exit code 3"),
            Change("m1-rep1", "running"),
            Change("m1-rep1", "ended", "exit code 3"),
        ]
        first, second = both[0].log.read_text().splitlines()
        assert first.startswith("# 20") and "sh -c 'echo \"$NAME\"; exit 3'" in first
        assert second == "it's"

    def test_points_at_the_same_time(self, tmp_path):
        definition, three = tasks(tmp_path, "repetitions = 3\nat_once = 2")
        go_on = tmp_path / "go on"
        wait = f"while [ ! -e '{go_on}' ]; do sleep 0.02; done"
        executor = self.executor(definition, "sh", "-c", wait)
        executor.start(three)
        assert executor.poll() == [Change("m1-rep0", "running"), Change("m1-rep1", "running")]
        assert executor.poll() == []
        go_on.touch()
        names = [change.name for change in run(executor, ends=3)]
        assert sorted(names) == ["m1-rep0", "m1-rep1", "m1-rep2", "m1-rep2"]

    def test_each_of_several_points_has_its_own_limit(self, tmp_path):
        definition, three = tasks(tmp_path, "repetitions = 3\nat_once = 2\ntime_minutes = 0.02")
        words = {"m1-rep0": ("true",), "m1-rep1": ("sleep", "600"), "m1-rep2": ("sleep", "600")}
        executor = LocalExecutor(definition, lambda task: Launch(words[task.point.name], {}))
        executor.start(three)
        ends = [change for change in run(executor, ends=3) if change.status == "ended"]
        late = "over its 0.02 minutes"
        assert [change.name for change in ends] == ["m1-rep0", "m1-rep1", "m1-rep2"]
        assert [change.error for change in ends[1:]] == [late, late]

    def test_stopping_ends_all_points(self, tmp_path):
        definition, two = tasks(tmp_path, "repetitions = 2\nat_once = 2")
        executor = LocalExecutor(
            definition, lambda task: Launch(("sh", "-c", RUNAWAY, f"{task.run}.pid"), {})
        )
        executor.start(two)
        executor.poll()
        runaways = [pid_in(Path(f"{task.run}.pid")) for task in two]
        executor.stop()
        assert all(map(gone, runaways))

    def test_a_point_that_takes_too_long_is_ended(self, tmp_path):
        definition, one = tasks(tmp_path, "time_minutes = 0.02")
        executor = self.executor(definition, "sh", "-c", RUNAWAY, str(tmp_path / "pid"))
        executor.start(one)
        assert run(executor)[-1] == Change("m1-rep0", "ended", "over its 0.02 minutes")
        written = tmp_path / "pid"  # not yet, where the machine was too busy to start anything
        assert not written.exists() or gone(pid_in(written))

    def test_stopping_ends_the_point(self, tmp_path):
        definition, one = tasks(tmp_path)
        executor = self.executor(definition, "sh", "-c", RUNAWAY, str(tmp_path / "pid"))
        executor.start(one)
        executor.poll()
        runaway = pid_in(tmp_path / "pid")
        executor.stop()
        assert gone(runaway)

    def test_a_launcher_that_is_missing_fails_the_point(self, tmp_path, monkeypatch):
        definition, one = tasks(tmp_path, 'launcher = "srun"')
        monkeypatch.setenv("PATH", str(tmp_path))
        executor = LocalExecutor(definition)
        executor.start(one)
        (change,) = executor.poll()
        assert change.status == "ended" and change.error.startswith("srun: not on PATH")

    def test_the_command_of_a_point(self, tmp_path):
        text = 'machine_counts = [2]\nlauncher = "mpirun"\ninterface = "eth0"\ndevice = "cpu"'
        definition, (task,) = tasks(tmp_path / "a b", text, HOSTS)
        launch = launch_of(definition, task)
        words = list(launch.argv)
        assert words[words.index("-np") + 1] == "2"
        assert words[words.index("-H") + 1] == "a:1,b:1"
        assert words[words.index("btl_tcp_if_include") + 1] == "eth0"
        assert words[words.index("CUDA_VISIBLE_DEVICES") - 1] == "-x"
        assert launch.environment["CUDA_VISIBLE_DEVICES"] == "-1"
        assert words[-6:] == [
            sys.executable, "-m", "caps_hvd.train", "--run-dir", str(task.run), "--resume",
        ]  # fmt: skip


def submitted(steps):
    """What was submitted, after what only says under which names."""
    assert all(change.job.startswith("point-") for change in next(steps))
    yield from itertools.chain.from_iterable(steps)


class TestSlurm:
    TEXT = 'name = "lab"\nlauncher = "slurm"\nmachine_counts = [1, 2]\nrepetitions = 2\n'

    def start(self, monkeypatch, folder, text, jobs=None, **options):
        fake = FakeSlurm(monkeypatch, **options)
        definition, all_tasks = tasks(folder, text)
        executor = SlurmExecutor(definition)
        return fake, executor, submitted(executor.start(with_jobs(all_tasks, jobs or {})))

    def test_jobs_in_a_chain(self, monkeypatch, tmp_path):
        fake, _, changes = self.start(monkeypatch, tmp_path / "50% off", self.TEXT)
        assert [(change.name, change.job) for change in changes] == [
            ("m1-rep0", "100"), ("m2-rep0", "101"), ("m1-rep1", "102"), ("m2-rep1", "103"),
        ]  # fmt: skip
        assert [fake.lines(n, "--dependency") for n in range(100, 104)] == [
            [], ["afterany:100"], ["afterany:101"], ["afterany:102"],
        ]  # fmt: skip
        assert [fake.lines(n, "--nodes") for n in (100, 101)] == [["1"], ["2"]]
        assert fake.lines(101, "--job-name") == ["lab-m2-rep0"]
        assert fake.lines(101, "--output") == [f"{tmp_path}/50%% off/m2-rep0.log'"]
        assert f"'{tmp_path}/50% off/m2-rep0'" in fake.scripts[101]

    def test_two_strands(self, monkeypatch, tmp_path):
        fake, _, changes = self.start(monkeypatch, tmp_path, self.TEXT + "at_once = 2")
        assert len(list(changes)) == 4
        assert [fake.lines(n, "--dependency") for n in range(100, 104)] == [
            [], [], ["afterany:100"], ["afterany:101"],
        ]  # fmt: skip

    def test_an_array_for_each_machine_count(self, monkeypatch, tmp_path):
        fake, _, changes = self.start(monkeypatch, tmp_path, self.TEXT + '[slurm]\nmode = "array"')
        assert [(change.name, change.job) for change in changes] == [
            ("m1-rep0", "100_0"), ("m1-rep1", "100_1"), ("m2-rep0", "101_0"), ("m2-rep1", "101_1"),
        ]  # fmt: skip
        assert fake.lines(100, "--array") == ["0-1%1"]
        assert fake.lines(101, "--dependency") == ["afterany:100"]
        assert len(fake.scripts) == 2

    def test_gpus_and_other_wishes(self, tmp_path):
        text = (
            'name = "lab"\nlauncher = "slurm"\ntime_minutes = 1.5\n[slurm]\ngpus_per_node = 1\n'
            'partition = "gpu"\ndirectives = ["--mem=0"]\n[axes]\ndevice = ["auto", "cpu"]'
        )
        (gpu, _), (cpu, _) = jobs_of(*tasks(tmp_path, text))
        assert (gpu.gpus_per_node, cpu.gpus_per_node) == (1, 0)
        assert (gpu.time_minutes, gpu.partition, gpu.directives) == (2, "gpu", ("--mem=0",))

    def test_interface_and_hidden_gpus_reach_the_script(self, monkeypatch, tmp_path):
        text = 'launcher = "slurm"\ninterface = "ib0"\ndevice = "cpu"'
        fake, _, changes = self.start(monkeypatch, tmp_path, text)
        list(changes)
        assert "export CUDA_VISIBLE_DEVICES=-1 HIP_VISIBLE_DEVICES=-1\n" in fake.scripts[100]
        words = " ".join(fake.scripts[100].replace("\\\n", " ").split())
        assert (
            'caps-hvd launch -np "$SLURM_NTASKS" --interface ib0 --forward CUDA_VISIBLE_DEVICES '
            "--forward HIP_VISIBLE_DEVICES -- python"
        ) in words

    def test_a_wish_that_cannot_be_written(self, tmp_path):
        text = 'launcher = "slurm"\n[slurm]\npartition = "a b"'
        with pytest.raises(ConfigError, match="lab.toml: line 2: slurm: partition: .*'a b'"):
            jobs_of(*tasks(tmp_path, text))

    def test_a_controller_that_is_silent_for_a_while(self, monkeypatch, tmp_path):
        fake, executor, changes = self.start(monkeypatch, tmp_path, 'launcher = "slurm"')
        list(changes)

        def silent(jobs):
            raise SetupError("squeue: no answer")

        monkeypatch.setattr(slurm_queue, "states", silent)
        assert [executor.poll() for _ in range(20)] == [[]] * 20
        with pytest.raises(SetupError):
            executor.poll()
        monkeypatch.setattr(slurm_queue, "states", fake.states)
        assert executor.poll() == []

    def test_nothing_is_submitted_if_one_job_is_refused(self, monkeypatch, tmp_path):
        fake, _, changes = self.start(monkeypatch, tmp_path, self.TEXT, refuse="--nodes=2")
        with pytest.raises(ConfigError):
            list(changes)
        assert not fake.scripts

    def test_what_was_submitted_is_taken_back(self, monkeypatch, tmp_path):
        fake, _, changes = self.start(monkeypatch, tmp_path, self.TEXT)
        fake.full_at = 2
        with pytest.raises(ConfigError):
            list(changes)
        assert fake.cancelled == ["100", "101"]

    def test_what_is_in_the_queue_is_not_submitted_again(self, monkeypatch, tmp_path):
        fake = FakeSlurm(monkeypatch)
        definition, all_tasks = tasks(tmp_path, self.TEXT)
        executor = SlurmExecutor(definition)
        fake.found = {"41": "running", "42": "failed"}
        assert executor.look(with_jobs(all_tasks, {"m1-rep0": "41", "m2-rep0": "42"})[:2]) == [
            Change("m1-rep0", "running", job="41"),
            Change("m2-rep0", "ended", "Slurm's job 42 has failed"),
        ]
        changes = submitted(executor.start(with_jobs(all_tasks, {"m1-rep0": "41"})))
        assert [(change.name, change.job) for change in changes] == [
            ("m2-rep0", "100"), ("m1-rep1", "101"), ("m2-rep1", "102"),
        ]  # fmt: skip
        assert fake.lines(100, "--dependency") == ["afterany:41"]
        fake.found |= {"100": "finished", "101": "cancelled"}
        assert executor.poll() == [
            Change("m2-rep0", "ended"),
            Change("m1-rep1", "ended", "Slurm's job 101 was cancelled"),
        ]

    def test_a_requeued_job_waits_again(self, monkeypatch, tmp_path):
        fake, executor, changes = self.start(monkeypatch, tmp_path, 'launcher = "slurm"')
        list(changes)
        said = []
        for state in ("pending", "running", "running", "pending", "unknown", "unknown", "unknown"):
            fake.found = {"100": state}
            said += [change.status for change in executor.poll()]
        assert said == ["running", "waiting", "ended"]

    def test_only_unknown_answers_in_a_row_end_a_point(self, monkeypatch, tmp_path):
        fake, executor, changes = self.start(monkeypatch, tmp_path, 'launcher = "slurm"')
        list(changes)
        said = []
        for state in ("unknown", "unknown", "running", "unknown", "unknown", "running"):
            fake.found = {"100": state}
            said += [change.status for change in executor.poll()]
        assert said == ["running"]

    def test_early_words_of_an_array_come_into_the_log(self, monkeypatch, tmp_path):
        text = self.TEXT + '[slurm]\nmode = "array"'
        fake, executor, changes = self.start(monkeypatch, tmp_path, text)
        list(changes)
        Path(tmp_path, "slurm-100_1.out").write_text("no environment\n")
        Path(tmp_path, "slurm-100_0.out").write_text("")
        fake.found = {"100_0": "finished", "100_1": "failed"}
        executor.poll()
        assert Path(tmp_path, "m1-rep1.log").read_text() == "no environment\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m1-rep1.log"]

    def test_also_if_it_ended_while_nobody_watched(self, monkeypatch, tmp_path):
        fake = FakeSlurm(monkeypatch)
        definition, all_tasks = tasks(tmp_path, self.TEXT + '[slurm]\nmode = "array"')
        fake.names, fake.found = {"point-ab": "100"}, {"100_0": "running", "100_1": "failed"}
        for task in "01":
            Path(tmp_path, f"slurm-100_{task}.out").write_text("no environment\n")
        jobs = {"m1-rep0": "point-ab_0", "m1-rep1": "point-ab_1", "m2-rep0": "point-cd_0"}
        asked = sorted(with_jobs(all_tasks, jobs), key=lambda task: task.point.name)[:3]
        said = [change.status for change in SlurmExecutor(definition).look(asked)]
        assert said == ["running", "ended", "planned"]
        assert Path(tmp_path, "m1-rep1.log").read_text() == "no environment\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "m1-rep1.log", "slurm-100_0.out",
        ]  # fmt: skip
