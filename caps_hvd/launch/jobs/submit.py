"""The work of `caps-hvd submit`: its options -> a `SlurmJob` -> a script, shown or submitted."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.config.own_model import short_name
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.launch.jobs import slurm_script
from caps_hvd.launch.jobs.job import RUN_DIR, SlurmJob, check_image, train_task
from caps_hvd.system import slurm_queue

# Slurm's forms of a time limit: minutes, a clock's, days and a clock's.
_TIME = re.compile(r"((?P<days>\d{1,5})-)?(?P<clock>\d{1,9}(:[0-5]?\d){0,2})", re.ASCII)
_WORD = re.compile(r"[^A-Za-z0-9_.+-]+")


def describe(
    config: TrainConfig,
    options: Sequence[str],
    *,
    name: str | None = None,
    time: str | None = None,
    container: str | None = None,
    venv: str | None = None,
    **settings,
) -> SlurmJob:
    """The job that trains with these options.

    Args:
        config: what the options mean; they were checked when it was made.
        options: of `caps-hvd train`, as they were typed.
        name: of the job, `<model>-<data set>` by default.
        time: limit in one of Slurm's forms.
        container, venv: where it runs; the environment that is active here by default.
        settings: fields of `SlurmJob`.

    Raises:
        ConfigError: a value is of no use.
    """
    check_image(container, "--container")
    name = name or _WORD.sub("-", f"{short_name(config.model)}-{Path(config.dataset).stem}").strip(
        "-"
    )
    return SlurmJob(
        name=name,
        tasks=(train_task(options, run_dir=config.run_dir or RUN_DIR),),
        time_minutes=None if time is None else parse_time(time),
        container=container,
        venv=None if container else venv,
        header=f"Train {config.model} on {config.dataset}. Made by `caps-hvd submit`.",
        **settings,
    )


def active_environment() -> str | None:
    """The virtual environment that this program runs in, if it is one."""
    return sys.prefix if sys.prefix != sys.base_prefix else None


def submit(job: SlurmJob) -> str:
    """Submits a job, and returns a line that says where its output and results are.

    Raises:
        SetupError: there is no Slurm here.
        ConfigError: Slurm refuses the job; nothing was submitted.
    """
    script = slurm_script.render(job)
    slurm_queue.sbatch(script, test_only=True)
    number = slurm_queue.sbatch(script)
    places = f"output in {job.output}, results in {job.tasks[0].run_dir}"
    names = {"%x": job.name, "%j": number, "$SLURM_JOB_NAME": job.name, "$SLURM_JOB_ID": number}
    for placeholder, value in names.items():
        places = places.replace(placeholder, str(value))
    return f"submitted job {number}; {places}"


def parse_time(text: str) -> int:
    """Minutes, rounded up, of a time limit in one of Slurm's forms.

    Example:
        >>> parse_time("90"), parse_time("1:30:00"), parse_time("2-02")
        (90, 90, 3000)

    Raises:
        ConfigError: it is in none of them, or is no time.
    """
    match = _TIME.fullmatch(text)
    clock = [int(number) for number in match["clock"].split(":")] if match else []
    if match is None or (match["days"] and clock[0] > 23):
        raise ConfigError(
            "--time: expected minutes, hours:minutes:seconds or days-hours, such as 90, 1:30:00 or "
            f"2-12, received {text!r}"
        )
    if not match["days"] and len(clock) < 3:  # minutes, with seconds or without
        clock.insert(0, 0)
    hours, minutes, seconds = (*clock, 0, 0)[:3]
    minutes += 60 * (24 * int(match["days"] or 0) + hours) + (seconds + 59) // 60
    if minutes == 0:
        raise ConfigError(f"--time: expected more than no time, received {text!r}")
    return minutes
