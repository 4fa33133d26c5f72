"""The grid engine: carries a sweep's points out, goes on after an interruption, writes sweep.h5.

    definition -> plan -> which points are finished? -> executor -> run records -> sweep.h5

It knows of a point only its name, its folder and whether a whole record lies there. What the axes
mean, and how ranks are started, others know.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.launch.allocation import allocated_hosts
from caps_hvd.launch.hosts import hostfile
from caps_hvd.launch.hosts.hostfile import Host
from caps_hvd.sweep import plan_check, state
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.executors import Change, Executor
from caps_hvd.sweep.log_tail import last_words
from caps_hvd.sweep.points import Point, plan


def hosts_of(definition: SweepDefinition, environ=os.environ) -> tuple[Host, ...] | None:
    """The machines that a sweep may use: of its host file, or of the Slurm allocation around it."""
    if definition.hostfile is not None:
        path = definition.path.parent / definition.hostfile
        if not path.is_file():
            raise ConfigError(
                f"{definition.where('hostfile')}: expected a file, relative to the definition's "
                f"folder, received {definition.hostfile!r}, and there is no {path}; correct it"
            )
        return hostfile.read(path)
    return None if definition.launcher in ("slurm", "local") else allocated_hosts(environ)


@dataclasses.dataclass
class Status:
    """What is known of a point while a sweep runs.

    Args:
        status: planned, waiting, running, finished or failed.
        error: why it failed.
        epochs: how many it has behind it.
        seconds_per_epoch, test_accuracy: of a finished point.
    """

    status: str = "planned"
    error: str = ""
    epochs: int = 0
    seconds_per_epoch: float | None = None
    test_accuracy: float | None = None


def _silent(point: Point, status: Status) -> None:
    """Tells nobody."""


class Sweep:
    """A sweep in its folder, which must be locked.

    Args:
        definition: what it is.
        directory: where it is.
        hosts: the machines there are; see `hosts_of`.

    Raises:
        ConfigError, RunError: the definition cannot be planned, or the folder holds another sweep.
    """

    def __init__(self, definition: SweepDefinition, directory: SweepDirectory, hosts=None):
        self.definition = definition
        self.directory = directory
        self.points = plan(definition, hosts)
        self.state = state.read(directory.state)
        plan_check.check(directory, definition, self.points, self.state)
        directory.adopt(definition, hosts)
        self.status = {point.name: Status() for point in self.points}
        self._finished = {}
        self._recorded = {}  # point -> epochs in its record when it was last looked at
        for point in self.points:
            self._look(point)

    def collect(self, executor: Executor) -> None:
        """Takes note of what has become of all points, and writes sweep.h5.

        Args:
            executor: asked for the jobs of earlier invocations.
        """
        self._take_up(executor)
        self._write()

    def run(
        self,
        executor: Executor,
        tell: Callable[[Point, Status], None] = _silent,
        *,
        refresh: Callable[[], None] = lambda: None,
        retry_failed: bool = True,
        detach: bool = False,
    ) -> None:
        """Carries out what is not finished.

        Args:
            executor: what starts the points.
            tell: is called when a point's status changes.
            refresh: is called now and then while points run.
            retry_failed: whether points that have failed before are tried again.
            detach: return as soon as all points are in a queue.
        """
        self._take_up(executor, tell)
        left = {p.name: p for p in self.points if self._is_open(p, retry_failed)}
        for point in left.values():  # one that waits in a queue may have got more epochs to train
            self.directory.prepare(self.definition, point)
        tasks = [self.directory.task(point) for point in left.values()]
        jobs = {name: job for name in left if (job := self.state.of(name).job)}
        self._write()
        try:
            for changes in executor.start(tasks, jobs):
                self._note(changes, tell)
            while left and not detach:
                for name, point in left.items():
                    self.status[name].epochs = self.directory.epochs_done(point)
                refresh()
                time.sleep(executor.interval_seconds)
                for name in self._note(executor.poll(), tell, executor.settle_seconds):
                    left.pop(name, None)
        finally:
            executor.stop()
            for point in self.points:  # interrupted: what ran here runs no more
                if (
                    self.status[point.name].status == "running"
                    and not self.state.of(point.name).job
                ):
                    self.status[point.name].status = "planned"
            self._write()

    def failed(self) -> list[Point]:
        """The points that have failed."""
        return [point for point in self.points if self.status[point.name].status == "failed"]

    def unfinished(self) -> list[Point]:
        """The points without a whole record, failed ones included."""
        return [point for point in self.points if self.status[point.name].status != "finished"]

    def _is_open(self, point, retry_failed) -> bool:
        status = self.status[point.name].status
        return status != "finished" and (retry_failed or status != "failed")

    def _take_up(self, executor, tell=_silent) -> None:
        """Asks what has become of the jobs of earlier invocations."""
        points = [p for p in self.points if self.state.of(p.name).job and self._is_open(p, True)]
        tasks = [self.directory.task(point) for point in points]
        jobs = {point.name: self.state.of(point.name).job for point in points}
        self._note(executor.look(tasks, jobs), tell)

    def _note(self, changes: Sequence[Change], tell, settle_seconds: float = 0.0) -> set[str]:
        """Takes note of what happened at once, and writes it down; gives the points that ended."""
        points = {point.name: point for point in self.points}
        ended = {change.name for change in changes if change.status == "ended"}
        for change in changes:
            point, status = points[change.name], self.status[change.name]
            before = status.status
            self._apply(point, change, settle_seconds)
            if change.status == "ended" or status.status != before:
                tell(point, status)
        if ended:
            self._write()
        elif changes:
            state.write(self.directory.state, self.state)
        return ended

    def _apply(self, point, change: Change, settle_seconds: float) -> None:
        """Takes note of what an executor says, and looks what a point that ended has left."""
        remembered = self.state.of(point.name)
        status = self.status[point.name]
        remembered.job = change.job
        if change.status != "ended":
            remembered.error, status.error, status.status = "", "", change.status
        else:
            remembered.job = None
            deadline = time.monotonic() + settle_seconds
            while not (change.error or self._has_new_record(point)):
                if time.monotonic() >= deadline:
                    break
                time.sleep(1.0)
            # A record with fewer epochs is that of a job from before the definition got more.
            left_one = not change.error and self._epochs_recorded(point)
            remembered.error = "" if left_one else self._reason(point, change.error)
            self._look(point)

    def _has_new_record(self, point) -> bool:
        """Whether there is nothing to wait for: a record with more epochs, or one that is none."""
        epochs = self._epochs_recorded(point)
        return epochs is None or epochs > self._recorded.get(point.name, 0)

    def _epochs_recorded(self, point) -> int | None:
        """Epochs in the record that a point has left, 0 without one, None if it cannot be read."""
        try:
            found = self.directory.recorded(point)
        except RunError:
            return None
        return len(found.epochs) if found else 0

    def _look(self, point) -> None:
        """Finds out what has become of a point from its folder."""
        from caps_hvd.records import sweep_record

        status, remembered = self.status[point.name], self.state.of(point.name)
        try:
            record = self.directory.recorded(point)
        except RunError as error:
            status.status, status.error = "failed", f"{error}; remove it to train again"
            return
        status.epochs = self.directory.epochs_done(point)
        self._recorded[point.name] = len(record.epochs) if record else 0
        if self._recorded[point.name] < point.config.epochs:
            status.status = "failed" if remembered.error else "planned"
            status.error = remembered.error
            return
        remembered.error, remembered.job = "", None
        result = sweep_record.from_record(
            record, name=point.name, axes=point.axes, machines=point.machines, ranks=point.ranks
        )
        self._finished[point.name] = (result, record.versions)
        status.status, status.error, status.epochs = "finished", "", len(result.epochs)
        status.seconds_per_epoch = result.seconds_per_epoch
        status.test_accuracy = result.test_accuracy

    def _reason(self, point, error: str) -> str:
        said = last_words(self.directory.log(point))
        return ": ".join(filter(None, [error or "it left no whole record", said]))

    def _write(self) -> None:
        """Writes state.json and sweep.h5, both whole."""
        from caps_hvd.records import sweep_record

        state.write(self.directory.state, self.state)
        versions = {}
        for _, each in self._finished.values():
            versions |= {name: v for name, v in dataclasses.asdict(each).items() if v is not None}
        sweep_record.write(
            self.directory.record,
            sweep_record.SweepResult(
                name=self.definition.name,
                definition=self.definition.text,
                created_utc=self.state.created_utc,
                versions=versions,
                points=[self._result(point) for point in self.points],
            ),
        )

    def _result(self, point):
        from caps_hvd.records.sweep_record import PointResult

        if point.name in self._finished:
            return self._finished[point.name][0]
        status = self.status[point.name]
        return PointResult(
            name=point.name,
            axes=point.axes,
            status="planned" if status.status == "waiting" else status.status,
            error=status.error,
            ranks=point.ranks,
            machines=point.machines,
        )


def check_complete(sweep: Sweep, failed: Sequence[Point]) -> None:
    """Raises one line that names the points that have failed, and where they say why."""
    if not failed:
        return
    shown = ", ".join(str(sweep.directory.log(point)) for point in failed[:5])
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    count = f"{len(failed)} of {len(sweep.points)} points failed"
    raise RunError(f"{sweep.directory}: {count}; their logs: {shown}{more}")


def check_detach(definition: SweepDefinition) -> None:
    """Only a queue goes on without the program that filled it."""
    if definition.launcher != "slurm":
        raise ConfigError(
            f"--detach: it leaves jobs in Slurm's queue, but {definition.path} has launcher = "
            f'"{definition.launcher}"; start the sweep in tmux, or under nohup'
        )
