"""The definition of a sweep, a frozen `SweepDefinition`; `definition_file.py` reads it.

name = "lab15"
machine_counts = [1, 5, 10, 15]
hostfile = "../hostfiles/lab15"
launcher = "mpirun"

[train]                      # any option of `caps-hvd train`
dataset = "mnist"

[axes]                       # the grid is the product of the machine counts and these
batch_size = [50, 100]       # values of one option ...

[axes.rate]                  # ... or bundles of options, each with a label
fixed = { warmup_epochs = 0, scale_learning_rate = "none" }
linear = { warmup_epochs = 5 }
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from caps_hvd.io.options import option
from caps_hvd.io.toml import name_key
from caps_hvd.launch import launchers
from caps_hvd.launch.jobs.job import SlurmSettings

LAUNCHERS = (*launchers.LAUNCHERS, "slurm")  # slurm: each point is a job of its own
RESERVED_AXES = ("machines", "repetition", "ranks")
# What an axis may vary besides the options of training.
POINT_SETTINGS = ("ranks_per_machine", "device")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlurmTable(SlurmSettings):
    """The table `[slurm]`: what is asked of Slurm for every point, and how points become jobs."""

    mode: str = option(
        "jobs",
        "A job for each point, or an array of jobs for each machine count.",
        choices=("jobs", "array"),
    )


@dataclasses.dataclass(frozen=True)
class AxisValue:
    """One value of an axis: its label and the options that it stands for."""

    label: int | float | str | bool
    options: Mapping


@dataclasses.dataclass(frozen=True)
class Axis:
    """One dimension of the grid besides machines and repetitions."""

    name: str
    values: tuple[AxisValue, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepDefinition:
    """The definition of a sweep: the grid, the options of training, how points are started.

    The first fields are the keys of the file; `train`, `axes` and `slurm` are its tables.

    Args:
        path: of the file.
        text: of the file.
    """

    name: str = option("", "Name of the sweep and of its folder; the file's by default.")
    machine_counts: tuple[int, ...] = option(
        (1,), "Machines to train on: the axis `machines`.", unit="machines", minimum=1
    )
    ranks_per_machine: int | None = option(
        1,
        "Ranks on each machine; slots takes what the host file says.",
        unit="ranks",
        minimum=1,
        none="slots",
    )
    repetitions: int = option(
        1,
        "Times that each point is trained, with seeds counted up: the axis `repetition`.",
        minimum=1,
    )
    scaling: str = option(
        "weak",
        "Whether batch_size is that of each rank (weak) or of all together (strong).",
        choices=("weak", "strong"),
    )
    launcher: str = option("auto", "What starts the ranks.", choices=LAUNCHERS)
    hostfile: str | None = option(None, "Host file, relative to the definition's folder.")
    at_once: int = option(
        1,
        "Points that may run at the same time; with 1 they wait for each other.",
        unit="points",
        minimum=1,
    )
    interface: str | None = option(None, "Network interface between the machines.")
    device: str = option(
        "auto",
        "Hide the GPUs from training (cpu), or use those there are.",
        choices=("auto", "cpu"),
    )
    time_minutes: float | None = option(
        None,
        "A point that takes longer is ended and has failed; in Slurm it is requeued, and goes on.",
        unit="minutes",
        above=0,
        none="unlimited",
    )
    train: Mapping = dataclasses.field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    slurm: SlurmTable = SlurmTable()
    path: Path = Path("definition.toml")
    text: str = ""

    def where(self, *key: str) -> str:
        """Returns what to call a key in an error: `lab.toml: line 3: axes.batch_size`."""
        return name_key(self.path, self.text, key)


def keys(kind) -> dict[str, dataclasses.Field]:
    """Returns name -> field of what a file may set in one of the classes above."""
    return {field.name: field for field in dataclasses.fields(kind) if "option" in field.metadata}
