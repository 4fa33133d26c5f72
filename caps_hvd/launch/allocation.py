"""The Slurm allocation that this process runs in: its nodes, and their tasks."""

import os
import re
import subprocess
from collections.abc import Mapping

from caps_hvd.errors import SetupError
from caps_hvd.launch.hosts import hostfile
from caps_hvd.launch.hosts.hostfile import Host


def in_slurm(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is inside a Slurm allocation."""
    return bool(environ.get("SLURM_JOB_ID"))


def tasks_per_node(text: str) -> list[int]:
    """Tasks of each node from SLURM_TASKS_PER_NODE; empty where the text is none.

    Example:
        >>> tasks_per_node("2(x3),1")
        [2, 2, 2, 1]
    """
    if not re.fullmatch(r"\d+(\(x\d+\))?(,\d+(\(x\d+\))?)*", text):
        return []
    runs = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(tasks) for tasks, times in runs for _ in range(int(times or 1))]


def allocated_hosts(environ: Mapping[str, str] = os.environ) -> tuple[Host, ...] | None:
    """The nodes of the allocation with a slot for each of its tasks; None outside of one.

    Raises:
        SetupError: Slurm cannot be asked.
    """
    if not in_slurm(environ) or not environ.get("SLURM_JOB_NODELIST"):
        return None
    command = ["scontrol", "show", "hostnames", environ["SLURM_JOB_NODELIST"]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError(
            f"scontrol show hostnames: cannot be asked for this job's nodes: {error}; give a "
            "hostfile instead"
        ) from None
    names = done.stdout.split()
    tasks = tasks_per_node(environ.get("SLURM_TASKS_PER_NODE", "")) or [1] * len(names)
    return hostfile.parse(
        "".join(f"{name} slots={count}\n" for name, count in zip(names, tasks, strict=True)),
        "SLURM_JOB_NODELIST",
    )
