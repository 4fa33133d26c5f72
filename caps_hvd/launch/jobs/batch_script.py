"""Job scripts for PBS, SGE and LSF: a `BatchJob` -> the text of its script.

`caps-hvd launch` finds the hosts of such a job by itself, see `launch/allocation.py`.
"""

import dataclasses
from collections.abc import Callable

from caps_hvd.launch.jobs.job import TRAIN, BatchJob
from caps_hvd.launch.jobs.shell import Expression, command, comment, fill, setting


@dataclasses.dataclass(frozen=True)
class Scheduler:
    """How a scheduler is told what a job asks for, and what it tells the job.

    Args:
        prefix: of a line with an option.
        options: those of a job.
        number: shell expression of a job's name and number, for the folder of its results.
        folder: command that goes to the folder of submission, empty where a job starts there.
    """

    prefix: str
    options: Callable[[BatchJob], list[str]]
    number: str
    folder: str = ""


def _pbs(job) -> list[str]:
    return [
        f"-N {job.name}",
        "-S /bin/bash",
        f"-l select={job.nodes}:ncpus={job.cores_per_node}:mpiprocs=1",
        "-l place=scatter:excl",
        f"-l walltime={job.hours}:00:00",
        "-j oe",
        "-r y",
    ]


def _sge(job) -> list[str]:
    return [
        f"-N {job.name}",
        "-S /bin/bash",
        "-cwd",
        f"-pe mpi {job.nodes}",
        f"-l h_rt={job.hours}:00:00",
        "-j y",
        "-r y",
    ]


def _lsf(job) -> list[str]:
    return [
        f"-J {job.name}",
        f"-n {job.nodes}",
        '-R "span[ptile=1]"',
        "-x",
        f"-W {job.hours}:00",
        "-o %J.out",
        "-r",
    ]


# Name of a scheduler, as the script of `jobs/` has it -> the scheduler.
SCHEDULERS = {
    "pbs": Scheduler("#PBS", _pbs, "$PBS_JOBNAME-${PBS_JOBID%%.*}", 'cd "$PBS_O_WORKDIR"'),
    "sge": Scheduler("#$", _sge, "$JOB_NAME-$JOB_ID"),
    "lsf": Scheduler("#BSUB", _lsf, "$LSB_JOBNAME-$LSB_JOBID"),
}


def render(job: BatchJob) -> str:
    """The script of a job.

    Example:
        >>> print(render(BatchJob(name="digits", scheduler="pbs")).splitlines()[1])
        #PBS -N digits
    """
    scheduler = SCHEDULERS[job.scheduler]
    options = (f"{scheduler.prefix} {text}" for text in scheduler.options(job))
    venv = setting("venv", "CAPS_HVD_VENV", ".venv")
    run_dir = Expression(f"runs/{scheduler.number}")
    return fill(
        "batch.sh",
        {
            "header": comment(job.header),
            "directives": "\n".join(options),
            "folder": scheduler.folder,
            "environment": fill("environment.sh", {"venv": venv}),
            "run_dir": setting("run_dir", "CAPS_HVD_RUN_DIR", run_dir),
            "launch": command(("exec", "caps-hvd", "launch", "--", *TRAIN, Expression("$@"))),
        },
    )
