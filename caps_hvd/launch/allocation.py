"""The batch job that this process runs in: its hosts, and how many ranks each one takes.

Variables of the environment say both. They are input like a host file: what is wrong in them,
contradicts itself or is left over from another job is a mistake with the variable's name.
"""

import os
import re
from collections.abc import Mapping

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch.hosts import host_range, hostfile
from caps_hvd.launch.hosts.hostfile import Host
from caps_hvd.system import slurm_queue

# A variable of another scheduler than Slurm that has the path of a job's host file -> whose it is.
_HOST_FILES = {"PBS_NODEFILE": "PBS", "PE_HOSTFILE": "SGE", "LSB_DJOB_HOSTFILE": "LSF"}
# LSF's words for the same where it wrote no file: `node1 4 node2 4`.
_HOSTS_AND_SLOTS = "LSB_MCPU_HOSTS"
_LEFT_OVER = "unset what is left over from another job, or name the hosts with -H or --hostfile"
_TASKS = re.compile(r"\d{1,9}(\(x\d{1,9}\))?(,\d{1,9}(\(x\d{1,9}\))?)*", re.ASCII)


def in_slurm(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is inside a Slurm allocation."""
    return bool(environ.get("SLURM_JOB_ID"))


def in_job(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is inside a job of Slurm, PBS, SGE or LSF that says its hosts."""
    return in_slurm(environ) or any(map(environ.get, (*_HOST_FILES, _HOSTS_AND_SLOTS)))


def allocated_hosts(
    environ: Mapping[str, str] = os.environ,
) -> tuple[tuple[Host, ...] | None, str]:
    """The hosts of the job around this process, with a slot for each of its tasks.

    Returns:
        The hosts, None outside of a job of Slurm, PBS, SGE or LSF; and what to call them in an
        error, a variable's name.

    Raises:
        ConfigError: the job's variables cannot be used.
    """
    if in_slurm(environ):
        names = slurm_nodes(environ)
        tasks = slurm_tasks(environ) or [1] * len(names)
        hosts = tuple(map(Host, names, tasks))
        return hosts or None, "SLURM_JOB_NODELIST"
    given = [name for name in (*_HOST_FILES, _HOSTS_AND_SLOTS) if environ.get(name)]
    if _HOSTS_AND_SLOTS in given and "LSB_DJOB_HOSTFILE" in given:
        given.remove(_HOSTS_AND_SLOTS)
    if len(given) > 1:
        raise ConfigError(
            f"{' and '.join(given)}: expected the hosts of one job, received those of "
            f"{len(given)}; {_LEFT_OVER}"
        )
    if not given:
        return None, "hosts"
    (name,) = given
    if name == _HOSTS_AND_SLOTS:
        words = environ[name].split()
        lines = [" ".join(words[place : place + 2]) for place in range(0, len(words), 2)]
        return hostfile.parse("\n".join(lines), name), name
    return hostfile.read(environ[name], name), name


def slurm_nodes(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The names of the allocation's nodes, none where Slurm does not say them.

    Raises:
        ConfigError: SLURM_JOB_NODELIST is none, has another number of nodes than Slurm counts, or
            is one part of several.
    """
    parts = environ.get("SLURM_HET_SIZE", "1")
    if parts != "1":
        raise ConfigError(
            f"SLURM_HET_SIZE: expected a job of one part, received one of {parts}, whose ranks "
            "Slurm alone can start: `srun --mpi=pmix --het-group=0-"
            f"{int(parts) - 1 if parts.isdecimal() else 'N'} python -m caps_hvd.train`"
        )
    text = environ.get("SLURM_JOB_NODELIST")
    if not text:
        return []
    names = [host.name for host in hostfile.parse_list(text, "SLURM_JOB_NODELIST")]
    for variable in ("SLURM_JOB_NUM_NODES", "SLURM_NNODES"):
        count = environ.get(variable) or str(len(names))
        inside_step = variable == "SLURM_NNODES" and "SLURM_STEP_ID" in environ
        if count != str(len(names)) and not inside_step:
            raise ConfigError(
                f"{variable}: expected {len(names)}, the nodes of SLURM_JOB_NODELIST ({text}), "
                f"received {count!r}; {_LEFT_OVER}"
            )
    return names


def slurm_tasks(environ: Mapping[str, str] = os.environ) -> list[int]:
    """The tasks of each of the allocation's nodes, none where Slurm does not say them.

    Raises:
        ConfigError: SLURM_TASKS_PER_NODE is none, or is of other nodes than SLURM_JOB_NODELIST.

    Example:
        >>> slurm_tasks({"SLURM_TASKS_PER_NODE": "2(x3),1"})
        [2, 2, 2, 1]
    """
    text = environ.get("SLURM_TASKS_PER_NODE", "")
    if not text:
        return []
    runs = re.findall(r"(\d+)(?:\(x(\d+)\))?", text) if _TASKS.fullmatch(text) else []
    names = slurm_nodes(environ)
    nodes = sum(int(times or 1) for _, times in runs)
    if nodes > host_range.MOST or not all(int(tasks) for tasks, _ in runs):
        runs = []
    if not runs:
        raise ConfigError(
            "SLURM_TASKS_PER_NODE: expected tasks of each node such as 2(x3),1, received "
            f"{text!r}; {_LEFT_OVER}"
        )
    if names and len(names) != nodes:
        where = "of this step" if "SLURM_STEP_ID" in environ else "of another job or step"
        raise ConfigError(
            f"SLURM_TASKS_PER_NODE: expected the tasks of {len(names)} nodes, those of "
            f"SLURM_JOB_NODELIST ({environ['SLURM_JOB_NODELIST']}), received {text!r}, those "
            f"{where}; start from the job's own shell and not below srun, or unset it"
        )
    return [int(tasks) for tasks, times in runs for _ in range(int(times or 1))]


def check_running(environ: Mapping[str, str] = os.environ) -> None:
    """Makes sure that the Slurm job around this process is not one that has ended.

    Raises:
        ConfigError: it has ended, so that its variables are left over.
    """
    job = slurm_queue.job_around(environ)
    if job is None:
        return
    try:
        state = slurm_queue.states([job])[job]
    except SetupError:
        return  # no Slurm that can be asked: whoever starts ranks will say so
    if state in ("finished", "failed", "cancelled"):
        raise ConfigError(
            f"SLURM_JOB_ID: expected a job that runs, received {job}, which is {state}; leave its "
            "shell, or unset the variables that begin with SLURM_"
        )
