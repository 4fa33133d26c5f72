"""Slurm batch jobs: a `SlurmJob` -> the text of its script; and words with Slurm about jobs.

`render` is a pure function. A script stands alone: in a job `$0` is slurmd's copy of it, so nothing
is found beside it.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch import dialects, launchers
from caps_hvd.launch.job import SlurmJob, Task
from caps_hvd.launch.shell import (
    Expression,
    assignment,
    command,
    comment,
    export,
    fill,
    setting,
    word,
)

_ARGUMENTS = Expression("$@")
# The time that a job gets to go back into the queue; Slurm sends the signal up to a minute early.
_SIGNAL = "B:USR1@90"
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


def render(job: SlurmJob) -> str:
    """The script of a job.

    Example:
        >>> from caps_hvd.launch.job import train_task
        >>> print(render(SlurmJob(name="digits", tasks=(train_task(),))).splitlines()[1])
        #SBATCH --job-name=digits
    """
    return fill(
        "slurm.sh",
        {
            "header": comment(job.header),
            "directives": "\n".join(f"#SBATCH {word(option)}" for option in directives(job)),
            "environment": _container(job) if job.container else _environment(job),
            "variables": _variables(job),
            "requeue": fill("requeue.sh", {}) if job.requeue else "",
            "tasks": _tasks(job),
        },
    )


def directives(job: SlurmJob) -> list[str]:
    """Slurm's options for a job, each as `--option=value`."""
    last = len(job.tasks) - 1
    limit = f"%{job.array_limit}" if job.array_limit else ""
    options = {
        "job-name": job.name,
        "nodes": job.nodes,
        "ntasks-per-node": job.tasks_on_each_node,
        "cpus-per-task": job.cpus_per_task,
        "gpus-per-node": job.gpus_per_node or None,
        "exclusive": job.exclusive,
        "time": None if job.time_minutes is None else _time(job.time_minutes),
        "partition": job.partition,
        "account": job.account,
        "qos": job.qos,
        "array": f"0-{last}{limit}" if last else None,
        "dependency": job.dependency,
        "output": job.output,
        "open-mode": "append",
        "requeue": job.requeue,
        "no-requeue": not job.requeue,
        "signal": _SIGNAL if job.requeue else None,
    }
    given = {name: value for name, value in options.items() if value not in (None, False)}
    return [
        *(f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items()),
        *job.directives,
    ]


def _environment(job) -> str:
    found = job.venv or Expression("$SLURM_SUBMIT_DIR/.venv")
    return fill("environment.sh", {"venv": setting("venv", "CAPS_HVD_VENV", found)})


def _container(job) -> str:
    return fill("container.sh", {"image": setting("image", "CAPS_HVD_CONTAINER", job.container)})


def _variables(job) -> str:
    """What the ranks find in their environment; without `caps-hvd launch` the interface, too."""
    variables = dict(launchers.NO_GPU) if job.device == "cpu" else {}
    if job.container:
        variables |= dialects.interface_variables(job.interface)
    return export(variables) if variables else ""


def _start(job) -> tuple[str, ...]:
    """The words that start a program on every rank."""
    if not job.ranks:
        return ()
    if job.container:
        return ("on_every_rank",)
    interface = ("--interface", job.interface) if job.interface else ()
    hidden = launchers.NO_GPU if job.device == "cpu" else ()
    forward = [word for name in hidden for word in ("--forward", name)]
    ranks = ("-np", Expression("$SLURM_NTASKS"))
    return ("caps-hvd", "launch", *ranks, *interface, *forward, "--")


def _tasks(job) -> str:
    if len(job.tasks) == 1:
        return _task(job, job.tasks[0])
    arms = (f"{index})\n{_task(job, task, '    ')}\n    ;;" for index, task in enumerate(job.tasks))
    return "\n".join(["case $SLURM_ARRAY_TASK_ID in", *arms, "esac"])


def _task(job: SlurmJob, task: Task, indent="") -> str:
    lines = [indent + _run_dir(task)]
    if task.arguments:
        default = command(("set", "--", *task.arguments))
        lines.append(f"{indent}if [ $# = 0 ]; then {default}; fi")
    if task.log is not None:
        lines.append(f"{indent}exec >>{word(task.log)} 2>&1")
    lines.append(command((*_start(job), *task.program, _ARGUMENTS), indent) + " &")
    return "\n".join(lines)


def _run_dir(task: Task) -> str:
    """A folder that somebody named stays; the default one can be set from outside."""
    if isinstance(task.run_dir, Expression):
        return setting("run_dir", "CAPS_HVD_RUN_DIR", task.run_dir)
    return assignment("run_dir", task.run_dir)


def _time(minutes: int) -> str:
    """Slurm's form of a time limit.

    Example:
        >>> _time(90), _time(3000)
        ('01:30:00', '2-02:00:00')
    """
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:00"
    return f"{days}-{clock}" if days else clock


def sbatch(
    script: str,
    *,
    test_only: bool = False,
    arguments: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> int | None:
    """Submits a script; Slurm is first asked whether it would take it.

    Args:
        script: its text.
        test_only: ask only.
        arguments: for the script.
        environ: the environment that the job inherits, this process' by default.

    Returns:
        The job's number; None where Slurm was only asked.

    Raises:
        SetupError: there is no Slurm here.
        ConfigError: Slurm refuses the job; nothing was submitted.
    """
    with tempfile.TemporaryDirectory(prefix="caps_hvd-") as folder:
        path = Path(folder, "job.sh")
        path.write_text(script, encoding="utf-8")
        words = [str(path), *arguments]
        _check(_talk(["sbatch", "--test-only", *words], environ))
        if test_only:
            return None
        done = _talk(["sbatch", "--parsable", *words], environ)
    _check(done)
    number = done.stdout.strip().splitlines()[-1].partition(";")[0]
    if not number.isdecimal():
        raise SetupError(f"sbatch: expected the number of a job, received {done.stdout!r}")
    return int(number)


def states(jobs: Iterable[int | str]) -> dict[str, str]:
    """What has become of jobs: pending, running, finished, failed, cancelled or unknown.

    Slurm's controller forgets jobs some minutes after their end; then its accounting is asked,
    where there is one.

    Args:
        jobs: numbers, as `12`, or `12_3` for a task of an array.

    Returns:
        Job -> state.  An array of which tasks are left has the state of the task that is worst
        off in the order running, pending, failed, cancelled, finished.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    jobs = [str(job) for job in jobs]
    found = _listed(jobs)
    missing = [job for job in jobs if job not in found]
    if missing:
        found |= _accounted(missing)
    return {job: found.get(job, "unknown") for job in jobs}


def cancel(jobs: Iterable[int | str]) -> None:
    """Cancels jobs; those that have ended stay as they are.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    jobs = [str(job) for job in jobs]
    if jobs:
        _talk(["scancel", *jobs], None)


def _listed(jobs) -> dict[str, str]:
    """States that the controller knows, of arrays and of their tasks."""
    numbers = sorted({job.partition("_")[0] for job in jobs})
    if not numbers:
        return {}
    options = ["--noheader", "--array", "--states=all", "--format=%i|%T"]
    done = _talk(["squeue", *options, f"--jobs={','.join(numbers)}"], None)
    if done.returncode:
        if "Invalid job id" in done.stderr:  # one unknown number alone is an error
            return {}
        raise SetupError(f"squeue: {_words(done.stderr)}; is the Slurm controller up?")
    return _collect(line.split("|") for line in done.stdout.splitlines() if "|" in line)


def _accounted(jobs) -> dict[str, str]:
    """States that the accounting knows, empty where there is none."""
    numbers = sorted({job.partition("_")[0] for job in jobs})
    options = ["--noheader", "--allocations", "--parsable2", "--format=JobID,State"]
    try:
        done = _talk(["sacct", *options, f"--jobs={','.join(numbers)}"], None)
    except SetupError:
        return {}
    return _collect(line.split("|") for line in done.stdout.splitlines() if "|" in line)


def _collect(rows) -> dict[str, str]:
    tasks: dict[str, str] = {}
    for job, state in rows:
        tasks[job] = _MEANING.get(state.split()[0].rstrip("+"), "unknown") if state else "unknown"
    arrays: dict[str, list[str]] = {}
    for job, state in tasks.items():
        if "_" in job:
            arrays.setdefault(job.partition("_")[0], []).append(state)
    order = ("running", "pending", "failed", "cancelled", "unknown", "finished")
    return {job: min(states, key=order.index) for job, states in arrays.items()} | tasks


def _talk(argv: list[str], environ) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            argv,
            env=None if environ is None else dict(environ),
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


def _check(done) -> None:
    if done.returncode:
        raise ConfigError(
            f"Slurm refuses the job: {_words(done.stderr)}; change the option, or see "
            "`sinfo` for what the cluster has; nothing was submitted"
        )


def _words(text: str) -> str:
    """Slurm's own words in one line, without its prefixes."""
    lines = [re.sub(r"^\w+: (error: )?", "", line.strip()) for line in text.splitlines()]
    return "; ".join(dict.fromkeys(filter(None, lines))) or "it does not say why"
