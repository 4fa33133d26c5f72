"""Training that is only pretended: a grid of four points, and an executor that writes records.

It "trains" by writing the record that training would leave; one that kills its own process stands
for the machine that loses power in the middle.
"""

import json
import os
import signal
from pathlib import Path

from caps_hvd.records import sweep_record
from caps_hvd.records.run_files import RunFiles
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.engine import Sweep
from caps_hvd.sweep.executors.base import Change
from caps_hvd.sweep.options import SweepOptions

REPOSITORY = Path(__file__).parents[3]
EXAMPLE = REPOSITORY / "docs" / "records" / "digits.json"

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

    def look(self, tasks):
        return [
            Change(name, "ended", "Slurm's job 7 was cancelled")
            if self.states.get(job) == "cancelled"
            else Change(name, "running", job=job)
            for name, job in jobs_of(tasks).items()
        ]

    def start(self, tasks):
        self.left, self.watched = list(tasks), jobs_of(tasks)
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


def jobs_of(tasks):
    return {task.point.name: task.job for task in tasks if task.job}


def train(task, epochs=None):
    """What training leaves: a record with all epochs, in the point's own folder."""
    epochs = epochs or task.point.config.epochs
    example = json.loads(EXAMPLE.read_text())
    example["epochs"] = example["epochs"][:epochs]
    example["config"] = task.point.config.file_values() | {"epochs": epochs}
    files = RunFiles.at(task.run)
    files.record.write_text(json.dumps(example))
    files.history.write_text("epoch\n" + "1\n" * epochs)


def run(folder, text=TEXT, executor=None, on_change=lambda *_: None, **options):
    executor = executor or FakeExecutor()
    definition = definition_file.parse(text, "grid.toml")
    directory = SweepDirectory(folder)
    with directory.locked():
        sweep = Sweep(definition, directory)
        sweep.run(executor, SweepOptions(**options), on_change=on_change)
    return sweep, executor


def files(folder, name):
    return RunFiles.at(Path(folder, "points", name))


def statuses(folder):
    points = sweep_record.read(Path(folder) / "sweep.h5").points
    return {point.name: (point.status, point.error) for point in points}
