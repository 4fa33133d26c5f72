"""Training whose ranks are each bound to a named core, several to one core where that is asked.

Sweeps leave the cores to the ranks, which share them out evenly; here devices are to be of one core
each, or unequal. A rank is bound before it starts, so that all of its threads are.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.launch import supervisor
from caps_hvd.records import record, sweep_record

_PROGRAM = (sys.executable, "-m", "caps_hvd.train")


def train(config: TrainConfig, cores, name, axes, timeout_seconds=1800):
    """Trains with one rank for each of `cores`; returns the run's record, and the point of a sweep.

    Args:
        config: what to train.
        cores: number of the core of each rank, in the order of the ranks.
        name, axes: of the point.
        timeout_seconds: after which the ranks are ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.toml").write_text(config.to_toml())
        run = Path(folder, "run")
        program = (*_PROGRAM, "--config", f"{folder}/config.toml", "--run-dir", str(run))
        done = subprocess.run(
            supervisor.command(command(program, cores)),
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
        )
        if done.returncode:
            raise SystemExit(f"{shlex.join(program)}: failed\n{done.stdout}{done.stderr}")
        made = record.read(run / "record.json")
    ranks = len(cores)
    return made, sweep_record.from_record(made, name=name, axes=axes, machines=1, ranks=ranks)


def command(program, cores) -> list[str]:
    """mpirun with a rank of `program` on each of `cores`.

    Example:
        >>> command(["train"], [0, 1])[-13:]
        ['-np', '1', 'taskset', '--cpu-list', '0', 'train',
         ':', '-np', '1', 'taskset', '--cpu-list', '1', 'train']
    """
    words = [str(Path(sys.executable).with_name("mpirun")), "--bind-to", "none"]
    if len(set(cores)) < len(cores):  # who waits in a loop takes the core of the one it waits for
        words += ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1"]
    for place, core in enumerate(cores):
        words += [":"] if place else []
        words += ["-np", "1", "taskset", "--cpu-list", str(core), *program]
    return words


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))
