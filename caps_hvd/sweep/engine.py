"""The grid engine: carries a sweep's points out, goes on after an interruption, writes sweep.h5.

    definition -> plan -> which points are finished? -> executor -> run records -> sweep.h5

It knows of a point only its name, its folder and whether a whole record lies there. `points.py`
knows what the axes mean, and the executors know how ranks are started.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.launch.allocation import allocated_hosts
from caps_hvd.launch.hosts import hostfile
from caps_hvd.launch.hosts.hostfile import Host
from caps_hvd.records import sweep_record
from caps_hvd.records.point_status import PointStatus
from caps_hvd.records.sweep_record import PointResult, SweepResult
from caps_hvd.sweep import plan_check, state
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.executors.base import Change, Executor, SweepTask
from caps_hvd.sweep.failure_reason import failure_reason
from caps_hvd.sweep.options import SweepOptions
from caps_hvd.sweep.points import Point, plan


def hosts_of(definition: SweepDefinition, environ=os.environ) -> tuple[Host, ...] | None:
    """Returns the machines of a sweep's host file, or of the batch job around it.

    Raises:
        ConfigError: there is no such host file, or it is wrong.
    """
    if definition.hostfile is not None:
        path = definition.path.parent / definition.hostfile
        if not path.is_file():
            raise ConfigError(
                f"{definition.where('hostfile')}: expected a file, relative to the definition's "
                f"folder, received {definition.hostfile!r}, and there is no {path}; correct it"
            )
        return hostfile.read(path)
    return None if definition.launcher in ("slurm", "local") else allocated_hosts(environ)[0]


@dataclasses.dataclass
class PointProgress:
    """The progress of a point while a sweep runs.

    Args:
        status: where it is.
        error: why it failed; empty otherwise.
        epochs: how many it has behind it.
        recorded: epochs in its record, when that was last looked at.
        result: of a finished point.
    """

    status: PointStatus = PointStatus.PLANNED
    error: str = ""
    epochs: int = 0
    recorded: int = 0
    result: PointResult | None = None


# Is called with a point whose status has changed.
OnChange = Callable[[Point, PointProgress], None]


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
        self.progress = {point.name: PointProgress() for point in self.points}
        self._versions = {}  # of what the finished points were made with
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
        options: SweepOptions,
        *,
        on_change: OnChange = lambda point, progress: None,
        on_poll: Callable[[], None] = lambda: None,
    ) -> None:
        """Carries out what is not finished.

        Args:
            executor: what starts the points.
            options: of this invocation, of which `detach` and `retry_failed` count here.
            on_change: is called when a point's status changes.
            on_poll: is called now and then while points run.
        """
        self._take_up(executor, on_change)
        given_up = [] if options.retry_failed else self.failed()
        left = {point.name: point for point in self.unfinished() if point not in given_up}
        for point in left.values():  # one that waits in a queue may have got more epochs to train
            self.directory.prepare(self.definition, point)
        self._write()
        try:
            for changes in executor.start(self._tasks(left.values())):
                self._note(changes, on_change)
            while left and not options.detach:
                for name, point in left.items():
                    self.progress[name].epochs = self.directory.epochs_done(point)
                on_poll()
                time.sleep(executor.interval_seconds)
                for name in self._note(executor.poll(), on_change, executor.settle_seconds):
                    left.pop(name, None)
        finally:
            executor.stop()
            for name, progress in self.progress.items():  # interrupted: what ran here runs no more
                if progress.status == PointStatus.RUNNING and not self.state.of(name).job:
                    progress.status = PointStatus.PLANNED
            self._write()

    def failed(self) -> list[Point]:
        """Returns the points that have failed."""
        return [p for p in self.points if self.progress[p.name].status == PointStatus.FAILED]

    def unfinished(self) -> list[Point]:
        """Returns the points without a whole record, failed ones included."""
        return [p for p in self.points if self.progress[p.name].status != PointStatus.FINISHED]

    def _take_up(self, executor, on_change=lambda point, progress: None) -> None:
        """Asks what has become of the jobs of earlier invocations."""
        points = [p for p in self.unfinished() if self.state.of(p.name).job]
        self._note(executor.look(self._tasks(points)), on_change)

    def _tasks(self, points) -> list[SweepTask]:
        return [self.directory.task(point, self.state.of(point.name).job) for point in points]

    def _note(self, changes: Sequence[Change], on_change, settle_seconds: float = 0.0) -> set[str]:
        """Takes note of what happened at once, and writes it down; gives the points that ended."""
        points = {point.name: point for point in self.points}
        ended = {change.name for change in changes if change.status == PointStatus.ENDED}
        for change in changes:
            progress = self.progress[change.name]
            before = progress.status
            self._apply(points[change.name], change, settle_seconds)
            if change.name in ended or progress.status != before:
                on_change(points[change.name], progress)
        if ended:
            self._write()
        elif changes:
            state.write(self.directory.state, self.state)
        return ended

    def _apply(self, point, change: Change, settle_seconds: float) -> None:
        """Takes note of what an executor says, and looks what a point that ended has left."""
        remembered, progress = self.state.of(point.name), self.progress[point.name]
        remembered.job = change.job
        if change.status != PointStatus.ENDED:
            remembered.error, progress.error, progress.status = "", "", change.status
            return
        remembered.job = None
        deadline = time.monotonic() + settle_seconds
        epochs = self._epochs_recorded(point)
        while not change.error and epochs is not None and epochs <= progress.recorded:
            if time.monotonic() >= deadline:
                break
            time.sleep(1.0)
            epochs = self._epochs_recorded(point)
        # A record with fewer epochs is that of a job from before the definition got more.
        if epochs and not change.error:
            remembered.error = ""
        else:
            reason = failure_reason(self.directory.log(point))
            what = change.error or "it left no whole record"
            remembered.error = f"{what}: {reason}" if reason else what
        self._look(point)

    def _epochs_recorded(self, point) -> int | None:
        """Epochs in the record that a point has left, 0 without one, None if it cannot be read."""
        try:
            found = self.directory.recorded(point)
        except RunError:
            return None
        return len(found.epochs) if found else 0

    def _look(self, point) -> None:
        """Finds out what has become of a point from its folder."""
        progress, remembered = self.progress[point.name], self.state.of(point.name)
        try:
            record = self.directory.recorded(point)
        except RunError as error:
            progress.status = PointStatus.FAILED
            progress.error = f"{error}; remove it to train again"
            return
        progress.epochs = self.directory.epochs_done(point)
        progress.recorded = len(record.epochs) if record else 0
        if record is None or not record.is_finished(point.config.epochs):
            progress.error = remembered.error
            progress.status = PointStatus.FAILED if progress.error else PointStatus.PLANNED
            return
        progress.error = remembered.error = ""
        remembered.job = None
        progress.status, progress.epochs = PointStatus.FINISHED, progress.recorded
        progress.result = sweep_record.from_record(record, **_planned(point))
        versions = dataclasses.asdict(record.versions)
        self._versions |= {name: each for name, each in versions.items() if each is not None}

    def _write(self) -> None:
        state.write(self.directory.state, self.state)
        sweep_record.write(
            self.directory.record,
            SweepResult(
                name=self.definition.name,
                definition=self.definition.text,
                created_utc=self.state.created_utc,
                versions=self._versions,
                points=[self._result(point) for point in self.points],
            ),
        )

    def _result(self, point) -> PointResult:
        progress = self.progress[point.name]
        if progress.result:
            return progress.result
        waits = progress.status == PointStatus.WAITING  # which a file does not tell
        status = PointStatus.PLANNED if waits else progress.status
        return PointResult(**_planned(point), status=status, error=progress.error)


def _planned(point) -> dict:
    """What a sweep's record tells of every point."""
    return {
        "name": point.name,
        "axes": point.axes,
        "machines": point.machines,
        "ranks": point.ranks,
        "config": point.config.to_toml(),
    }


def check_complete(sweep: Sweep, options: SweepOptions) -> None:
    """Raises an error if points have failed, unless they were only collected.

    Raises:
        RunError: the message names the logs of the points.
    """
    failed = sweep.failed()
    if options.collect or not failed:
        return
    shown = ", ".join(str(sweep.directory.log(point)) for point in failed[:5])
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    count = f"{len(failed)} of {len(sweep.points)} points failed"
    raise RunError(f"{sweep.directory}: {count}; their logs: {shown}{more}")
