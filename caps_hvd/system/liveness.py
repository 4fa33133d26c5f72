"""Liveness of processes: whether one that left its description in a file is still there."""

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from caps_hvd.errors import CapsHvdError
from caps_hvd.system import host, slurm_queue

_PROC = Path("/proc")
_MACHINE = Path("/etc/machine-id")
# Without /proc a start is a time of the day, which the clock's corrections move.
_CLOCK_SECONDS = 2.0
# What must be the same for the number of a process to mean the same: two machines may have one
# name, and containers of one machine each have numbers of their own.
_HERE = ("host", "machine", "pid_namespace")


def describe(environ: Mapping[str, str] = os.environ) -> dict:
    """Returns this process as a dict for JSON, by which `are_alive` knows it again.

    Returns:
        `host`, `pid`, `user` and `started`: in ticks since the boot, which then is `boot`, or in
        seconds since 1970 where there is no `/proc`. Where the system has them, `machine` and
        `pid_namespace`; within a job of Slurm, `slurm_job` (`12`, or `12_3` for a task of an
        array), `slurm_restarts` (how often it was requeued) and `slurm_cluster`.
    """
    found = {
        "host": socket.gethostname(),
        "machine": host.read(_MACHINE).strip() or None,
        "boot": host.read(_PROC / "sys/kernel/random/boot_id").strip() or None,
        "pid_namespace": _pid_namespace(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "user": os.getuid(),
    }
    if job := slurm_queue.job_around(environ):
        found["slurm_job"] = job
        found["slurm_restarts"] = slurm_queue.restarts(environ)
        found["slurm_cluster"] = environ.get("SLURM_CLUSTER_NAME")
    return {name: value for name, value in found.items() if value is not None}


def are_alive(processes: Sequence[Mapping]) -> list[bool | None]:
    """Returns whether processes are still there; None where that cannot be known from here.

    A process of this host, or of this container, is looked for; one that was started at another
    time, or before the last boot, is another process with the same number. A process of another
    host is known by its job of Slurm alone, and only on this cluster.

    Args:
        processes: as `describe` gives them.
    """
    own = describe()
    found = [_on_this_host(process, own) for process in processes]
    jobs = {
        process["slurm_job"]
        for process, alive in zip(processes, found, strict=True)
        if alive is None and "slurm_job" in process
    }
    if not jobs:
        return found
    try:
        states = slurm_queue.states(sorted(jobs))
        if "slurm_cluster" not in own:
            own["slurm_cluster"] = slurm_queue.cluster()
    except CapsHvdError:
        return found
    return [
        _in_slurm(process, states, own) if alive is None else alive
        for process, alive in zip(processes, found, strict=True)
    ]


def _on_this_host(process, own) -> bool | None:
    if any(process.get(name) != own.get(name) for name in _HERE):
        return None
    if process.get("boot") != own.get("boot"):
        # The machine was started anew; one without an identity may as well be another machine.
        return False if "machine" in own else None
    try:
        with contextlib.suppress(PermissionError):
            os.kill(process["pid"], 0)  # nothing is sent; a hidden process is there nevertheless
        if psutil.Process(process["pid"]).status() == psutil.STATUS_ZOMBIE:
            return False
        apart = abs(_started(process["pid"]) - process["started"])
    except ProcessLookupError:
        return False
    except (OSError, psutil.Error):
        return None
    return apart == 0 if "boot" in own else apart <= _CLOCK_SECONDS


def _started(pid) -> float:
    """When a process was started: exact and the same for all who ask, where there is `/proc`."""
    if not (_PROC / "self").exists():
        return psutil.Process(pid).create_time()
    # proc_pid_stat(5): field 22; the second, a name in brackets, may hold anything.
    return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[22 - 3])


def _pid_namespace() -> int | None:
    try:
        return (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return None


def _in_slurm(process, states, own) -> bool | None:
    job = process.get("slurm_job")
    if job not in states or process.get("slurm_cluster") != own["slurm_cluster"]:
        return None  # another cluster's job with this number is another job
    if job == own.get("slurm_job") and own["slurm_restarts"] > process.get("slurm_restarts", 0):
        return False  # it was requeued, and is this process now
    if states[job] == "unknown" and process.get("user") != own["user"]:
        return None  # Slurm may hide the jobs of others
    return states[job] == "running"  # one that waits was requeued: its processes are gone
