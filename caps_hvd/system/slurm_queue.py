"""Slurm's commands about jobs: submit one, find it again, ask for its state, cancel it."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from caps_hvd.errors import ConfigError, SetupError

_TALK_SECONDS = 60

# Slurm's names of a job's states -> what they mean to whoever waits for it.
_STATES = {
    "pending": ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT",
                "RESV_DEL_HOLD"),
    "running": ("RUNNING", "CONFIGURING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT",
                "STOPPED", "SUSPENDED"),
    "finished": ("COMPLETED",),
    "failed": ("FAILED", "BOOT_FAIL", "DEADLINE", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
               "TIMEOUT"),
    "cancelled": ("CANCELLED", "REVOKED"),
}  # fmt: skip
_MEANING = {name: meaning for meaning, names in _STATES.items() for name in names}


def job_around(environ: Mapping[str, str] = os.environ) -> str | None:
    """The job around this process as Slurm's commands take it: `12`, `12_3` in an array, or None.

    In an array SLURM_JOB_ID would not do: the last element's is the number of the whole array.

    Raises:
        ConfigError: a variable of Slurm's has no number.
    """
    if not environ.get("SLURM_JOB_ID"):
        return None
    if environ.get("SLURM_ARRAY_JOB_ID"):
        names = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
        return "_".join(str(_number(name, environ)) for name in names)
    return str(_number("SLURM_JOB_ID", environ))


def restarts(environ: Mapping[str, str] = os.environ) -> int:
    """How often the job around this process was requeued.

    Raises:
        ConfigError: SLURM_RESTART_COUNT has no number.
    """
    return _number("SLURM_RESTART_COUNT", environ) if "SLURM_RESTART_COUNT" in environ else 0


def sbatch(
    script: str,
    *,
    test_only: bool = False,
    name: str = "job",
    arguments: Sequence[str] = (),
) -> int | None:
    """Submits a script, or asks whether Slurm would take it.

    Some sites accept what can never run, so that it is better to ask first.

    Args:
        script: its text.
        test_only: ask only.
        name: of the script, without its ending, for `find`.
        arguments: for the script.

    Returns:
        The job's number; None where Slurm was only asked.

    Raises:
        SetupError: there is no Slurm here.
        ConfigError: Slurm refuses the job; nothing was submitted.
    """
    with tempfile.TemporaryDirectory(prefix="caps_hvd-") as folder:
        path = Path(folder, f"{name}.sh")
        path.write_text(script, encoding="utf-8")
        option = "--test-only" if test_only else "--parsable"
        done = _talk(["sbatch", option, str(path), *arguments])
    if done.returncode:
        raise ConfigError(
            f"Slurm refuses the job: {_words(done.stderr)}; change the option, or see "
            "`sinfo` for what the cluster has; nothing was submitted"
        )
    if test_only:
        return None
    number = done.stdout.strip().splitlines()[-1].partition(";")[0]
    if not number.isdecimal():
        raise SetupError(f"sbatch: expected the number of a job, received {done.stdout!r}")
    return int(number)


def states(jobs: Iterable[int | str]) -> dict[str, str]:
    """Returns the states of jobs: pending, running, finished, failed, cancelled or unknown.

    Slurm's controller forgets jobs some minutes after their end; then its accounting is asked,
    where there is one.

    Args:
        jobs: numbers, as `12`, or `12_3` for a task of an array.

    Returns:
        Job -> state. An array of which tasks are left has the state of the task that is worst
        off in the order running, pending, failed, cancelled, finished.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    jobs = [str(job) for job in jobs]
    found = _listed(jobs)
    if missing := [job for job in jobs if job not in found]:
        found |= _accounted(missing)
    return {job: found.get(job, "unknown") for job in jobs}


def cluster() -> str:
    """The name of the cluster that is asked here.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    done = _talk(["scontrol", "show", "config"])
    found = re.search(r"^ClusterName\s*=\s*(\S+)", done.stdout, re.MULTILINE)
    if found is None:
        raise SetupError(f"scontrol: {_words(done.stderr)}; is the Slurm controller up?")
    return found[1]


def find(names: Iterable[str]) -> dict[str, str]:
    """This user's jobs by the names of their scripts, as given to `sbatch`.

    A job is known for some minutes after its end.

    Returns:
        Name -> number; names without a job are left out.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    names = set(names)
    if not names:
        return {}
    found = {}
    for line in _squeue("--me", "--format=%F|%o"):
        number, _, script = line.partition("|")
        found |= {name: number.strip() for name in names if f"/{name}.sh" in script}
    return found


def cancel(jobs: Iterable[int | str]) -> None:
    """Cancels jobs; those that have ended stay as they are.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    jobs = [str(job) for job in jobs]
    if jobs:
        _talk(["scancel", *jobs])


def _number(name, environ) -> int:
    text = environ.get(name, "")
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise ConfigError(
            f"{name}: expected a number, as Slurm gives it, received {text!r}; unset the variables "
            "that begin with SLURM_ where they are left over from another job"
        )
    return int(text)


def _listed(jobs) -> dict[str, str]:
    """States that the controller knows, of arrays and of their tasks."""
    return _collect(_squeue("--array", "--format=%i|%T", _jobs_option(jobs))) if jobs else {}


def _jobs_option(jobs) -> str:
    """The option that names jobs to squeue and sacct, an array for its tasks."""
    return f"--jobs={','.join(sorted({_whole(job) for job in jobs}))}"


def _whole(job) -> str:
    """The number of the array, or of the heterogeneous job, that a job is a part of: 12_3, 12+1."""
    return re.split(r"[_+]", job)[0]


def _squeue(*options) -> list[str]:
    """The lines of squeue, none for a number that it does not know."""
    done = _talk(["squeue", "--noheader", "--states=all", *options])
    if done.returncode and "Invalid job id" not in done.stderr:
        raise SetupError(f"squeue: {_words(done.stderr)}; is the Slurm controller up?")
    return [] if done.returncode else done.stdout.splitlines()


def _accounted(jobs) -> dict[str, str]:
    """States that the accounting knows, empty where there is none."""
    options = ["--noheader", "--allocations", "--parsable2", "--format=JobID,State"]
    try:
        done = _talk(["sacct", *options, _jobs_option(jobs)])
    except SetupError:
        return {}
    return _collect(done.stdout.splitlines())


def _collect(lines) -> dict[str, str]:
    """States of jobs and their parts, tasks of an array or others, from lines `job|state`."""
    tasks: dict[str, str] = {}
    for job, state in (line.split("|") for line in lines if "|" in line):
        tasks[job] = _MEANING.get(state.split()[0].rstrip("+"), "unknown") if state else "unknown"
    arrays: dict[str, list[str]] = {}
    for job, state in tasks.items():
        if _whole(job) != job:
            arrays.setdefault(_whole(job), []).append(state)
    order = ("running", "pending", "failed", "cancelled", "unknown", "finished")
    return {job: min(states, key=order.index) for job, states in arrays.items()} | tasks


def _talk(argv: list[str]) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TALK_SECONDS,
        )
    except FileNotFoundError:
        raise SetupError(
            f"{argv[0]}: not on PATH; submit from a login node of a Slurm cluster, or use "
            "`caps-hvd launch` with a host file"
        ) from None
    except OSError as error:
        raise SetupError(f"{argv[0]}: cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SetupError(
            f"{argv[0]}: no answer in {_TALK_SECONDS} s; is the Slurm controller up?"
        ) from None


def _words(text: str) -> str:
    """Slurm's own words in one line, without its prefixes."""
    lines = [re.sub(r"^\w+: (error: )?", "", line.strip()) for line in text.splitlines()]
    return "; ".join(dict.fromkeys(filter(None, lines))) or "it does not say why"
