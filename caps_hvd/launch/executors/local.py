"""Points one after another, each a process of this machine: a launcher, and the ranks it starts."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from caps_hvd.errors import CapsHvdError
from caps_hvd.launch import launchers, leash
from caps_hvd.launch.definition import SweepDefinition
from caps_hvd.launch.executors import Change, Task
from caps_hvd.launch.launchers import Launch
from caps_hvd.machine import read, usable_cores

# What hides the GPUs from every library that looks for them.
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}


def launch_of(
    definition: SweepDefinition, task: Task, environ: Mapping[str, str] = os.environ
) -> Launch:
    """The command that trains a point.

    Args:
        definition: of the sweep.
        task: the point.
        environ: the environment that it will run in.
    """
    program = [sys.executable, "-m", "caps_hvd.train", "--run-dir", str(task.run), "--resume"]
    hidden = _NO_GPU if task.point.device == "cpu" else {}
    launch = launchers.command(
        program,
        ranks=task.point.ranks,
        hosts=task.point.hosts,
        launcher=definition.launcher,
        interface=definition.interface,
        cores_per_host=usable_cores(
            read("/sys/fs/cgroup/cpu.max")
        ),  # the other hosts are taken to be like this
        environ={**environ, **hidden},
        forward=tuple(hidden),
    )
    return Launch(launch.argv, {**launch.environment, **hidden})


class LocalExecutor:
    """Runs one point at a time, on a leash: when this process ends, however, so does the point.

    Args:
        definition: of the sweep.
        command: task -> command; by default the one that trains it.
    """

    interval_seconds = 0.5
    settle_seconds = 0.0

    def __init__(
        self, definition: SweepDefinition, command: Callable[[Task], Launch] | None = None
    ):
        self._seconds = definition.time_minutes and definition.time_minutes * 60
        self._command = command or (lambda task: launch_of(definition, task))
        self._waiting: deque[Task] = deque()
        self._task: Task | None = None
        self._process: subprocess.Popen | None = None
        self._started = 0.0

    def look(self, jobs: Mapping[str, str]) -> list[Change]:
        return []  # whatever ran here ended with the process that started it

    def start(self, tasks: Sequence[Task], jobs: Mapping[str, str]) -> list[Change]:
        self._waiting.extend(tasks)
        return []

    def poll(self) -> list[Change]:
        changes = []
        if self._process is not None:
            code = self._process.poll()
            late = self._seconds and time.monotonic() - self._started > self._seconds
            if code is None and not late:
                return []
            name = self._task.point.name
            if code is None:
                self.stop()
                changes.append(Change(name, "ended", f"over its {self._seconds / 60:g} minutes"))
            else:
                changes.append(Change(name, "ended", _how(code)))
            self._process = None
        if self._waiting:
            changes += self._begin(self._waiting.popleft())
        return changes

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _begin(self, task) -> list[Change]:
        self._task = task
        try:
            launch = self._command(task)
            with open(task.log, "ab") as log:
                log.write(f"# {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {launch}\n".encode())
                log.flush()
                self._process = subprocess.Popen(
                    leash.command(launch.argv),
                    env={**os.environ, **launch.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the sweep, which then ends the point
                )
        except CapsHvdError as error:
            return [Change(task.point.name, "ended", str(error))]
        except OSError as error:
            return [Change(task.point.name, "ended", f"cannot start it: {error}")]
        self._started = time.monotonic()
        return [Change(task.point.name, "running")]


def _how(code: int) -> str:
    if code == 0:
        return ""
    if code < 0 or code > 128:
        return f"ended by signal {-code if code < 0 else code - 128}"
    return f"exit code {code}"
