"""Executor of Slurm: points as a chain of jobs, or as an array for each number of machines.

A chain has `at_once` strands; each job of a strand waits for the end, good or bad, of the one
before it (`afterany`), so that a point that fails holds up nobody and points do not disturb each
other's times. Arrays are chained in the same way, and run `at_once` of their tasks at a time.
"""

import collections
import contextlib
import dataclasses
import math
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from caps_hvd.errors import CapsHvdError, ConfigError, SetupError
from caps_hvd.launch.jobs import slurm_script
from caps_hvd.launch.jobs.job import SlurmJob, train_task
from caps_hvd.records.point_status import PointStatus
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.executors.base import Change, SweepTask
from caps_hvd.system import slurm_queue

_LONGEST_NAME = 100  # of a job
_NAME = "point-"  # of a script, before what makes it unique
# A job that Slurm does not know may not be known yet.
_UNKNOWN_POLLS = 3
_UNANSWERED_POLLS = 20

_ALIVE = {"pending": PointStatus.WAITING, "running": PointStatus.RUNNING}
_ENDS = {"finished": "", "unknown": "", "failed": "has failed", "cancelled": "was cancelled"}


def jobs_of(
    definition: SweepDefinition, tasks: Sequence[SweepTask]
) -> list[tuple[SlurmJob, list[SweepTask]]]:
    """Returns the jobs that train these points, without what they wait for, each with its points.

    Args:
        definition: of the sweep.
        tasks: points, in the order in which they should run.

    Raises:
        ConfigError: a setting cannot be written into a job's script.
    """
    groups: dict[tuple | str, list[SweepTask]] = {}
    for task in tasks:
        point, array = task.point, definition.slurm.mode == "array"
        key = (point.machines, point.ranks, point.device) if array else point.name
        groups.setdefault(key, []).append(task)
    try:
        return [(_job(definition, group), group) for group in groups.values()]
    except ConfigError as error:
        raise ConfigError(f"{definition.where('slurm')}: {error}") from None


def _job(definition, tasks) -> SlurmJob:
    point, array = tasks[0].point, len(tasks) > 1
    settings = dict(vars(definition.slurm))
    del settings["mode"]
    if point.device == "cpu":
        settings["gpus_per_node"] = 0
    name = f"m{point.machines}" if array else point.name
    output = _early_output(tasks[0].log, "\0") if array else tasks[0].log
    return SlurmJob(
        name=f"{definition.name}-{name}"[:_LONGEST_NAME],
        tasks=tuple(
            train_task(run_dir=str(task.run), log=str(task.log) if array else None)
            for task in tasks
        ),
        nodes=point.machines,
        tasks_per_node=point.ranks // point.machines,
        device=point.device,
        interface=definition.interface,
        time_minutes=definition.time_minutes and math.ceil(definition.time_minutes),
        venv=None if settings["container"] else sys.prefix,
        array_limit=definition.at_once if definition.at_once < len(tasks) else None,
        # `%` stands for itself in Slurm's patterns when it is doubled.
        output=str(output).replace("%", "%%").replace("\0", "%A_%a"),
        header=f"Of the sweep {definition.name}.",
        **settings,
    )


def _early_output(log: Path, job: str) -> Path:
    """Where a task of an array writes before its script has turned to the point's own log."""
    return log.with_name(f"slurm-{job}.out")


def _gather(job, log) -> None:
    """Puts what a task of an array said early into its log."""
    early = _early_output(log, job)
    with contextlib.suppress(OSError):
        if text := early.read_bytes():
            with open(log, "ab") as file:
                file.write(text)
        early.unlink()


def look(jobs: Mapping[str, str]) -> list[Change]:
    """Returns what has become of the jobs of an earlier invocation, by the names of their points.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    return _look(_numbered(jobs))


def _look(numbers) -> list[Change]:
    found = slurm_queue.states(filter(None, numbers.values()))
    return [
        _change(name, job, found[job]) if job else Change(name, PointStatus.PLANNED)
        for name, job in numbers.items()
    ]


class SlurmExecutor:
    """An executor that submits points, and asks Slurm what has become of them.

    Args:
        definition: of the sweep.
    """

    interval_seconds = 3.0
    settle_seconds = 60.0  # a folder on NFS shows a node's new file that late elsewhere

    def __init__(self, definition: SweepDefinition):
        self._definition = definition
        self._jobs: dict[str, str] = {}
        self._logs: dict[str, Path] = {}
        self._told: dict[str, str] = {}
        self._unknown = collections.Counter()  # answers in a row, by point
        self._unanswered = 0

    def look(self, tasks: Sequence[SweepTask]) -> list[Change]:
        numbers = _numbered({task.point.name: task.job for task in tasks})
        changes = _look(numbers)
        for task, change in zip(tasks, changes, strict=True):
            self._told[change.name] = change.status
            if change.status == PointStatus.ENDED:
                _gather(numbers[change.name], task.log)
        return changes

    def start(self, tasks: Sequence[SweepTask]) -> Iterator[list[Change]]:
        self._jobs = {task.point.name: task.job for task in tasks if task.job}
        self._logs = {task.point.name: task.log for task in tasks}
        new = [
            (f"{_NAME}{secrets.token_hex(8)}", job, group)
            for job, group in jobs_of(self._definition, [task for task in tasks if not task.job])
        ]
        scripts = {slurm_script.render(job) for _, job, _ in new}
        for script in sorted(scripts):  # nothing is submitted if Slurm would refuse one of them
            slurm_queue.sbatch(script, test_only=True)
        # Until the number of a job is written down, it is found by the name of its script.
        yield [
            Change(point, PointStatus.WAITING, job=job)
            for name, _, group in new
            for point, job in _of_points(name, group).items()
        ]
        submitted = []
        try:
            for name, job, group in new:
                script = slurm_script.render(self._after(job, submitted))
                number = str(slurm_queue.sbatch(script, name=name))
                submitted.append(number)
                found = _of_points(number, group)
                self._jobs |= found
                self._told |= dict.fromkeys(found, PointStatus.WAITING)
                yield [Change(point, PointStatus.WAITING, job=job) for point, job in found.items()]
        except CapsHvdError:
            slurm_queue.cancel(submitted)
            raise

    def poll(self) -> list[Change]:
        try:
            found = slurm_queue.states(self._jobs.values())
        except SetupError:  # a busy controller does not always answer
            self._unanswered += 1
            if self._unanswered > _UNANSWERED_POLLS:
                raise
            return []
        self._unanswered = 0
        changes = []
        for name, job in list(self._jobs.items()):
            self._unknown[name] = self._unknown[name] + 1 if found[job] == "unknown" else 0
            if 0 < self._unknown[name] < _UNKNOWN_POLLS:
                continue
            change = _change(name, job, found[job])
            if change.status != self._told[name]:
                self._told[name] = change.status
                changes.append(change)
            if change.status == PointStatus.ENDED:
                del self._jobs[name]
                _gather(job, self._logs[name])
        return changes

    def stop(self) -> None:
        """Jobs stay in the queue; the same command takes them up again."""

    def _after(self, job, submitted) -> SlurmJob:
        """The job, waiting for the one before it in its strand."""
        array = self._definition.slurm.mode == "array"
        strands = 1 if array else self._definition.at_once
        earlier = {job.partition("_")[0] for job in self._jobs.values()} - set(submitted)
        queue = [*sorted(earlier, key=int), *submitted]
        if len(queue) < strands:
            return job
        return dataclasses.replace(job, dependency=f"afterany:{queue[-strands]}")


def _of_points(job, group) -> dict[str, str]:
    """What finds the job of each point, from the number or script's name of their common job."""
    if len(group) == 1:
        return {group[0].point.name: job}
    return {task.point.name: f"{job}_{index}" for index, task in enumerate(group)}


def _numbered(jobs) -> dict[str, str | None]:
    """Numbers in place of the names of scripts; None for what never came into the queue."""
    parts = {point: job.partition("_") for point, job in jobs.items()}
    names = {name for name, _, _ in parts.values()}
    found = {name: name for name in names if name.isdecimal()}
    found |= slurm_queue.find(names - set(found))
    return {
        point: f"{found[name]}{mark}{task}" if name in found else None
        for point, (name, mark, task) in parts.items()
    }


def _change(name, job, state) -> Change:
    if state in _ALIVE:
        return Change(name, _ALIVE[state], job=job)
    error = f"Slurm's job {job} {_ENDS[state]}" if _ENDS[state] else ""
    return Change(name, PointStatus.ENDED, error)
