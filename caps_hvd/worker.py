"""Who works on something that outlives it: a process of a host, or of a job of Slurm."""

import os
import socket
from collections.abc import Mapping, Sequence

import psutil

from caps_hvd.errors import CapsHvdError
from caps_hvd.launch import slurm_queue

# A process' start is kept in ticks since the boot, whose own time the clock's corrections move.
_CLOCK_SECONDS = 2.0


def describe(environ: Mapping[str, str] = os.environ) -> dict:
    """This process, as a dict that JSON takes and that `are_alive` knows again.

    Returns:
        `host`, `pid`, `started` (seconds since 1970) and, within a job of Slurm, `slurm_job`
        (`12`, or `12_3` for a task of an array) and `slurm_restarts` (how often it was requeued).
    """
    found = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }
    if "SLURM_JOB_ID" in environ:
        array, task = environ.get("SLURM_ARRAY_JOB_ID"), environ.get("SLURM_ARRAY_TASK_ID")
        found["slurm_job"] = f"{array}_{task}" if array else environ["SLURM_JOB_ID"]
        found["slurm_restarts"] = int(environ.get("SLURM_RESTART_COUNT", 0))
    return found


def are_alive(workers: Sequence[Mapping]) -> list[bool | None]:
    """Whether workers are still there; None where that cannot be known from here.

    A process of this host is looked for; a start at another time is another process with the same
    number. A process of another host is known by its job of Slurm alone.

    Args:
        workers: as `describe` gives them.
    """
    own = describe()
    found = [_on_this_host(worker, own) for worker in workers]
    jobs = {
        worker["slurm_job"]
        for worker, alive in zip(workers, found, strict=True)
        if alive is None and "slurm_job" in worker
    }
    states = _states(jobs)
    return [
        _in_slurm(worker, states, own) if alive is None else alive
        for worker, alive in zip(workers, found, strict=True)
    ]


def _on_this_host(worker, own) -> bool | None:
    if worker["host"] != own["host"]:
        return None
    try:
        process = psutil.Process(worker["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - worker["started"]) <= _CLOCK_SECONDS
    except psutil.Error:
        return False


def _in_slurm(worker, states, own) -> bool | None:
    job = worker.get("slurm_job")
    if job not in states:
        return None
    if job == own.get("slurm_job") and own["slurm_restarts"] > worker.get("slurm_restarts", 0):
        return False  # it was requeued, and is this process now
    return states[job] == "running"  # one that waits was requeued: its processes are gone


def _states(jobs) -> dict[str, str]:
    """State of each job; empty where Slurm does not say."""
    if not jobs:
        return {}
    try:
        return slurm_queue.states(sorted(jobs))
    except CapsHvdError:
        return {}
