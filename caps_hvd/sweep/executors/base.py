"""The protocol of executors, which carry out the points of a sweep.

An executor is given tasks once and is asked from time to time what has become of them. It knows
nothing of records: whether a point is finished is for its folder to say.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from caps_hvd.records.point_status import PointStatus
from caps_hvd.sweep.points import Point


@dataclasses.dataclass(frozen=True)
class SweepTask:
    """A point to be trained.

    Args:
        point: what, and on which machines.
        run: its run directory, in which its configuration lies.
        log: file for what its ranks say.
        job: that an earlier invocation has queued for it; None where there is none.
    """

    point: Point
    run: Path
    log: Path
    job: str | None = None


@dataclasses.dataclass(frozen=True)
class Change:
    """A change in the state of a task.

    Args:
        name: of the point.
        status: waiting (accepted, in a queue), running, ended, or planned (it never got there);
            whether a point is finished or failed is not for the executor to say.
        error: how it ended if not well; empty where it did.
        job: what finds its job again, where it has one.
    """

    name: str
    status: PointStatus
    error: str = ""
    job: str | None = None


class Executor(Protocol):
    """The methods that a sweep needs of an executor."""

    interval_seconds: float  # between two calls of `poll`
    settle_seconds: float  # until a record that a task has written is seen here

    def look(self, tasks: Sequence[SweepTask]) -> list[Change]:
        """Returns what has become of the jobs of an earlier invocation.

        Args:
            tasks: with their jobs.
        """

    def start(self, tasks: Sequence[SweepTask]) -> Iterable[Sequence[Change]]:
        """Takes tasks over, in this order; `poll` tells of their ends.

        Gives what happened step by step. Each step must be on the disk before the next one is asked
        for: then a program that is killed in between finds every job again.

        Args:
            tasks: what is to be done; one with a job is only watched.
        """

    def poll(self) -> list[Change]:
        """Returns what happened since the last call."""

    def stop(self) -> None:
        """Ends what ends with the sweep; jobs in a queue stay there."""
