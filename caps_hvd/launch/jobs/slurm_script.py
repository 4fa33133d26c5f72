"""Job scripts for Slurm: a `SlurmJob` -> the text of its script.

`render` is a pure function; `slurm_queue.py` submits what it makes. A script stands alone: in a job
`$0` is slurmd's copy of it, so nothing is found beside it.
"""

from caps_hvd.launch import dialects, launchers
from caps_hvd.launch.jobs.job import JobTask, SlurmJob
from caps_hvd.launch.jobs.shell import (
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


def render(job: SlurmJob) -> str:
    """The script of a job.

    Example:
        >>> from caps_hvd.launch.jobs.job import train_task
        >>> print(render(SlurmJob(name="digits", tasks=(train_task(),))).splitlines()[1])
        #SBATCH --job-name=digits
    """
    return fill(
        "slurm.sh",
        {
            "header": comment(job.header),
            "directives": "\n".join(f"#SBATCH {word(option)}" for option in directives(job)),
            "environment": _environment(job),
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
        "time": job.time_minutes and _time(job.time_minutes),
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
    if job.container:
        image = setting("image", "CAPS_HVD_CONTAINER", job.container)
        return fill("container.sh", {"image": image})
    found = job.venv or Expression("$SLURM_SUBMIT_DIR/.venv")
    return fill("environment.sh", {"venv": setting("venv", "CAPS_HVD_VENV", found)})


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


def _task(job: SlurmJob, task: JobTask, indent="") -> str:
    # A folder that somebody named stays; the default one can be set from outside.
    if isinstance(task.run_dir, Expression):
        run_dir = setting("run_dir", "CAPS_HVD_RUN_DIR", task.run_dir)
    else:
        run_dir = assignment("run_dir", task.run_dir)
    lines = [indent + run_dir]
    if task.arguments:
        default = command(("set", "--", *task.arguments))
        lines.append(f"{indent}if [ $# = 0 ]; then {default}; fi")
    if task.log is not None:
        lines.append(f"{indent}exec >>{word(task.log)} 2>&1")
    lines.append(command((*_start(job), *task.program, _ARGUMENTS), indent) + " &")
    return "\n".join(lines)


def _time(minutes: int) -> str:
    """Slurm's form of a time limit.

    Example:
        >>> _time(90), _time(3000)
        ('01:30:00', '2-02:00:00')
    """
    days, minutes = divmod(minutes, 24 * 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:00"
    return f"{days}-{clock}" if days else clock
