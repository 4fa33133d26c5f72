"""The descriptions of batch jobs: frozen, checked, and the only source of a job script.

`slurm_script.render` makes the script of a `SlurmJob`, `batch_script.render` that of a `BatchJob`
of PBS, SGE or LSF, and `hosts_script.render` that of a `HostsJob`, for machines without a
scheduler. All put the same blocks into a template.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.errors import ConfigError, check_choice
from caps_hvd.io.options import check, option
from caps_hvd.launch.jobs.shell import Expression
from caps_hvd.launch.launchers import INTERFACE, LAUNCHERS

# A run goes on where an earlier session of the same job has stopped.
TRAIN = ("python", "-m", "caps_hvd.train", "--run-dir", Expression("$run_dir"), "--resume")
RUN_DIR = Expression("runs/$SLURM_JOB_NAME-$SLURM_JOB_ID")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_SITE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*(,[A-Za-z0-9_][A-Za-z0-9_.+@-]*)*")
_DIRECTIVE = re.compile(r"--[a-z][a-z0-9-]*(=.+)?")
_DEPENDENCY = re.compile(
    r"(after(any|ok|notok|corr)?:\d+(_\d+)?(:\d+(_\d+)?)*|singleton)", re.ASCII
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobTask:
    """The program that a job runs, or that one task of an array of jobs runs.

    Args:
        program: its argument list; the arguments of the script follow it.
        arguments: those of the script where it is given none.
        run_dir: folder of its results, `$run_dir` in the program. By default it has the job's name
            and number, and CAPS_HVD_RUN_DIR replaces it when the job runs.
        log: file that its output is added to; None for that of the job.
    """

    program: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    run_dir: str = RUN_DIR
    log: str | None = None

    def __post_init__(self):
        _freeze(self, "program")
        _freeze(self, "arguments")
        if not self.program:
            raise ConfigError("program: expected an argument list, received an empty one")
        for name in ("program", "arguments"):
            for text in getattr(self, name):
                _check_text(name, text)
        _check_text("run_dir", self.run_dir)
        _check_text("log", self.log)
        if not self.run_dir:
            raise ConfigError("run_dir: expected the name of a folder, received nothing")


def train_task(
    options: Sequence[str] = (), run_dir: str = RUN_DIR, log: str | None = None
) -> JobTask:
    """A task that trains, and goes on with `run_dir` where a checkpoint is there.

    Example:
        >>> train_task(["--epochs", "5"]).program[-2:]
        ('--epochs', '5')
    """
    return JobTask(program=(*TRAIN, *options), run_dir=run_dir, log=log)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlurmSettings:
    """What is asked of Slurm for a job, whatever it runs; a sweep's table `[slurm]` has it, too."""

    partition: str | None = option(None, "Partition to submit to.")
    account: str | None = option(None, "Account to charge.")
    qos: str | None = option(None, "Quality of service.")
    gpus_per_node: int = option(0, "GPUs of each node.", minimum=0)
    cpus_per_task: int | None = option(None, "Cores of each rank.", minimum=1, none="default")
    container: str | None = option(None, "Apptainer image (.sif) or Docker image to run in.")
    directives: tuple[str, ...] = option((), 'More #SBATCH lines, such as ["--exclusive"].')


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlurmJob(SlurmSettings):
    """A Slurm batch job: what it asks for, and what it runs.

    Args:
        name: of the job: letters, digits and `_ . + -`.
        tasks: what it runs; several make an array of jobs, task K of which runs the K-th.
        ranks: whether a program is started on every rank, or once, on the first node.
        nodes: machines.
        tasks_per_node: ranks on each; None for one, or one per GPU.
        cpus_per_task: cores of each rank; None leaves it to the site (or see `exclusive`).
        gpus_per_node: GPUs on each machine, one rank for each.
        device: auto, or cpu to hide the GPUs from the program.
        interface: network interface that the ranks talk through; None for the launcher's choice.
        exclusive: take whole nodes, with all their cores.
        time_minutes: limit; None for the partition's.
        partition, account, qos: of the site; several partitions with commas.
        container: image to run in instead of an environment: a `.sif` file or a URL such as
            `docker://name` for Apptainer, else the name of a Docker image.
        venv: environment to run in; None for `.venv` where the job is submitted.
        array_limit: tasks of an array that may run at the same time; None for no limit.
        dependency: what must have happened before, in Slurm's words: `afterok:12:13`.
        output: file for the job's output, with Slurm's patterns (%x name, %j job).
        requeue: whether a preempted job, or one whose time is over, goes back into the queue.
        directives: more of Slurm's options, as `--option=value`; they come last, so they win.
        header: comment at the head of the script.

    Raises:
        ConfigError: a value is out of range, or could not be written into a script as it is.

    Example:
        >>> SlurmJob(name="digits", tasks=(train_task(),), nodes=4).tasks_on_each_node
        1
    """

    name: str
    tasks: tuple[JobTask, ...]
    ranks: bool = True
    nodes: int = option(1, "Machines.", minimum=1)
    tasks_per_node: int | None = option(None, "Ranks on each node.", minimum=1)
    device: str = option("auto", "Hide the GPUs, or use them.", choices=("auto", "cpu"))
    interface: str | None = None
    exclusive: bool = False
    time_minutes: int | None = option(None, "Time limit.", unit="minutes", minimum=1)
    venv: str | None = None
    array_limit: int | None = option(None, "Tasks at the same time.", minimum=1)
    dependency: str | None = None
    output: str = "%x-%j.out"
    requeue: bool = True
    header: str = ""

    def __post_init__(self):
        _freeze(self, "tasks")
        _freeze(self, "directives")
        if not self.tasks:
            raise ConfigError("tasks: expected at least one, received none")
        _check_match("name", self.name, _NAME, "letters, digits and _ . + -, at most 100")
        for field in dataclasses.fields(self):
            if "option" in field.metadata and field.name != "directives":  # see below
                object.__setattr__(self, field.name, check(field, getattr(self, field.name)))
        for name in ("partition", "account", "qos"):
            _check_match(name, getattr(self, name), _SITE_NAME, "a name that the site gave")
        _check_match("interface", self.interface, INTERFACE, "the name of a network interface")
        _check_match("dependency", self.dependency, _DEPENDENCY, "such as afterok:12:13")
        for name in ("container", "venv", "output"):
            _check_text(name, getattr(self, name))
        if not isinstance(self.header, str):
            raise ConfigError(f"header: expected text, received {self.header!r}")
        for directive in self.directives:
            _check_text("directive", directive)
            _check_match("directive", directive, _DIRECTIVE, "--option or --option=value")
        if self.gpus_per_node and self.tasks_on_each_node > self.gpus_per_node:
            raise ConfigError(
                f"tasks_per_node: expected at most one rank for each of the {self.gpus_per_node} "
                f"GPUs of a node, received {self.tasks_on_each_node}; leave it out"
            )
        if self.container and not self.ranks:
            raise ConfigError(
                "container: expected a program that runs on every rank; run this one in an "
                "environment"
            )

    @property
    def tasks_on_each_node(self) -> int:
        """Ranks on each node."""
        return self.tasks_per_node or self.gpus_per_node or 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchJob:
    """A batch job of another scheduler than Slurm, which trains with one rank on each host.

    Args:
        name: of the job: letters, digits and `_ . + -`.
        scheduler: pbs, sge or lsf.
        nodes: machines.
        cores_per_node: cores of each, where the scheduler is told.
        hours: limit of its time.
        header: comment at the head of the script.

    Raises:
        ConfigError: a value could not be written into a script as it is.
    """

    name: str
    scheduler: str
    nodes: int = option(4, "Machines.", minimum=1)
    cores_per_node: int = option(16, "Cores of each machine.", minimum=1)
    hours: int = option(4, "Time limit.", unit="hours", minimum=1)
    header: str = ""

    def __post_init__(self):
        _check_match("name", self.name, _NAME, "letters, digits and _ . + -, at most 100")
        check_choice("scheduler", self.scheduler, ("pbs", "sge", "lsf"))
        for field in dataclasses.fields(self):
            if "option" in field.metadata:
                check(field, getattr(self, field.name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostsJob:
    """A job on machines that ssh reaches: training on some counts of ranks, one after another.

    Args:
        name: of the runs' folders.
        launcher: one of `caps_hvd.launch.launchers.LAUNCHERS`.
        header: comment at the head of the script.

    Raises:
        ConfigError: a value could not be written into a script as it is.
    """

    name: str
    launcher: str
    header: str = ""

    def __post_init__(self):
        _check_match("name", self.name, _NAME, "letters, digits and _ . + -, at most 100")
        check_choice("launcher", self.launcher, LAUNCHERS)


def check_image(image: str | None, where: str) -> None:
    """Makes sure that the file of an image is there: login node and nodes see the same files.

    URLs and names of Docker images are not looked up.

    Args:
        image: as for `SlurmJob`.
        where: what to call it in an error, such as `--container`.

    Raises:
        ConfigError: it is a file's path, and there is no such file.
    """
    if image is None or "://" in image:
        return
    if (image.endswith(".sif") or image.startswith(("/", "."))) and not Path(image).is_file():
        raise ConfigError(
            f"{where}: expected the file of an image that login node and nodes see, a URL such as "
            f"docker://NAME, or the name of a Docker image; received {image!r}, which is not here; "
            "see docs/hpc.md for how to build one"
        )


def _freeze(job, option) -> None:
    value = getattr(job, option)
    if isinstance(value, str):
        raise ConfigError(f"{option}: expected a list, received the text {value!r}")
    object.__setattr__(job, option, tuple(value))


def _check_match(option, value, pattern, expected) -> None:
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise ConfigError(f"{option}: expected {expected}, received {value!r}")


def _check_text(option, value) -> None:
    """A script is read line by line, by Slurm too; quoting cannot hide a line's end."""
    if value is not None and not (isinstance(value, str) and value.isprintable()):
        raise ConfigError(f"{option}: expected text of one line, received {value!r}")
