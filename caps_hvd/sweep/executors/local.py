"""Executor of this machine: points as processes, `at_once` at a time, a launcher for each."""

import dataclasses
import math
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from caps_hvd.errors import CapsHvdError
from caps_hvd.io.timestamp import utc_now
from caps_hvd.launch import launchers, supervisor
from caps_hvd.launch.launchers import Launch
from caps_hvd.records.point_status import PointStatus
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.executors.base import Change, SweepTask
from caps_hvd.system.host import usable_cores


def launch_of(definition: SweepDefinition, task: SweepTask) -> Launch:
    """Returns the command that trains a point.

    Args:
        definition: of the sweep.
        task: the point.
    """
    program = [sys.executable, "-m", "caps_hvd.train", "--run-dir", str(task.run), "--resume"]
    hidden = launchers.NO_GPU if task.point.device == "cpu" else {}
    launch = launchers.command(
        program,
        ranks=task.point.ranks,
        hosts=task.point.hosts,
        launcher=definition.launcher,
        interface=definition.interface,
        # The other hosts are taken to be like this one.
        cores_per_host=usable_cores() / definition.at_once,
        environ={**os.environ, **hidden},
        forward=tuple(hidden),
    )
    return dataclasses.replace(launch, environment={**launch.environment, **hidden})


class LocalExecutor:
    """Runs `at_once` points at a time, under a supervisor: when this process ends, so do they.

    Args:
        definition: of the sweep.
        command: task -> command; by default the one that trains it.
    """

    interval_seconds = 0.5
    settle_seconds = 0.0

    def __init__(
        self, definition: SweepDefinition, command: Callable[[SweepTask], Launch] | None = None
    ):
        self._at_once = definition.at_once
        self._minutes = definition.time_minutes or math.inf
        self._command = command or (lambda task: launch_of(definition, task))
        self._waiting: deque[SweepTask] = deque()
        # Name of a point -> its process, and when that is to end, on the monotonic clock.
        self._running: dict[str, tuple[subprocess.Popen, float]] = {}

    def look(self, tasks: Sequence[SweepTask]) -> list[Change]:
        return []  # whatever ran here ended with the process that started it

    def start(self, tasks: Sequence[SweepTask]) -> list[list[Change]]:
        self._waiting.extend(tasks)
        return []

    def poll(self) -> list[Change]:
        changes = []
        for name, running in list(self._running.items()):
            error = self._outcome(*running)
            if error is not None:
                del self._running[name]
                changes.append(Change(name, PointStatus.ENDED, error))
        while self._waiting and len(self._running) < self._at_once:
            changes.append(self._begin(self._waiting.popleft()))
        return changes

    def stop(self) -> None:
        for process, _ in self._running.values():  # all are told before one is waited for
            process.terminate()
        for process, _ in self._running.values():
            process.wait()

    def _outcome(self, process, deadline) -> str | None:
        """How a point ended, empty if well; None while it runs."""
        code = process.poll()
        if code is not None:
            return _how(code)
        if time.monotonic() <= deadline:
            return None
        process.terminate()
        process.wait()
        return f"over its {self._minutes:g} minutes"

    def _begin(self, task) -> Change:
        name = task.point.name
        try:
            launch = self._command(task)
            with open(task.log, "ab") as log:
                log.write(f"# {utc_now()} {launch}\n".encode())
                log.flush()
                process = subprocess.Popen(
                    supervisor.command(launch.argv),
                    env={**os.environ, **launch.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the sweep, which then ends the point
                )
        except CapsHvdError as error:
            return Change(name, PointStatus.ENDED, str(error))
        except OSError as error:
            return Change(name, PointStatus.ENDED, f"cannot start it: {error}")
        self._running[name] = process, time.monotonic() + 60 * self._minutes
        return Change(name, PointStatus.RUNNING)


def _how(code: int) -> str:
    code = supervisor.shell_code(code)
    if code > 128:
        return f"ended by signal {code - 128}"
    return f"exit code {code}" if code else ""
