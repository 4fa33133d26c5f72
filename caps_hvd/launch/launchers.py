"""The command that starts a program on many ranks, with the settings that people search for.

Pure functions: a description in, an argument list and environment variables out; nothing is run and
no shell reads what is made here.  What is set, and why:

| setting | why |
|---|---|
| `-H host:slots` | one form that all launchers read alike; host files have three |
| `--bind-to none` | mpirun would bind a rank to one core; `caps_hvd` shares out the cores |
| mpirun by its path, `--prefix` | ssh gives the other hosts a bare PATH, without the environment |
| `-x NAME` | mpirun hands on nothing of the environment but its own variables |
| `btl_tcp_if_include`, `oob_tcp_if_include`, `NCCL_SOCKET_IFNAME`, `--network-interfaces` | with
  several networks (a container's bridge, a management port) each part would choose for itself |
| `BatchMode`, `ConnectTimeout` | ssh must fail, not ask for a password that nobody can see |
| `mpi_yield_when_idle` | a rank that waits in a loop takes the core of the one it waits for |
| `OMPI_ALLOW_RUN_AS_ROOT`, `..._CONFIRM` | containers run as root, which Open MPI refuses |
| `--disable-cache` | horovodrun would believe for an hour that a host is as it was |
"""

import dataclasses
import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch.hostfile import Host, take, to_list

LAUNCHERS = ("auto", "local", "mpirun", "horovodrun", "horovodrun-mpi", "srun")

_FORWARDED = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "VIRTUAL_ENV")
_FORWARDED_FAMILIES = ("CAPS_HVD_", "HOROVOD_", "KERAS_", "NCCL_", "OMP_", "TF_", "UCX_")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout=15"
# From this many hosts on, all are reached from here: mpirun would let the first ones reach the
# others, which needs ssh keys between all of them.
_MANY_HOSTS = 64
_HOROVODRUN_START_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Launch:
    """A command to run.

    Args:
        argv: program and arguments.
        environment: what to add to the environment that it runs in.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]

    def __str__(self):
        """The command as one could type it into a shell."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*settings, shlex.join(self.argv)])


def command(
    program: Sequence[str],
    *,
    ranks: int,
    hosts: Sequence[Host] | None = None,
    launcher: str = "auto",
    interface: str | None = None,
    cores_per_host: int | None = None,
    environ: Mapping[str, str] = os.environ,
    forward: Sequence[str] = (),
    root: bool | None = None,
    which: Callable[..., str | None] = shutil.which,
) -> Launch:
    """The command that starts `program` on that many ranks.

    Args:
        program: program and arguments that every rank runs.
        ranks: processes to start, >= 1.
        hosts: where, host by host as far as their slots reach; default: the nodes of the Slurm
            allocation, or this machine.
        launcher: one of `LAUNCHERS`.  `auto`: in a Slurm allocation mpirun (Open MPI then starts
            its daemons with srun) or srun; elsewhere one process alone without any, else mpirun
            or horovodrun, whichever is on PATH.  `horovodrun` is Horovod's launcher over Gloo,
            `horovodrun-mpi` over MPI.
        interface: network interface that the ranks talk through, under the same name on each host;
            default: the launcher finds one.
        cores_per_host: cores of a host, to see whether ranks outnumber them; default: they do not.
        environ: the environment that the command will run in.
        forward: more variables to hand to the ranks of other hosts.
        root: whether root runs it; default: who this process is.
        which: finds a program on `environ`'s PATH, as `shutil.which` does.

    Raises:
        ConfigError: more ranks than slots, or an argument that cannot be used.
        SetupError: the launcher is not on PATH.

    Example:
        >>> hosts = parse_list("h1:1,h2:1")
        >>> print(command(["python", "-m", "caps_hvd.train"], ranks=2, hosts=hosts))
        /env/bin/mpirun -np 2 -H h1:1,h2:1 --bind-to none ... python -m caps_hvd.train
    """
    program = _program(program)
    if ranks < 1:
        raise ConfigError(f"-np: expected an integer of at least 1, received {ranks}")
    if interface is not None and not _INTERFACE.fullmatch(interface):
        raise ConfigError(
            f"--interface: expected the name of a network interface such as eth0, received "
            f"{interface!r}; `caps-hvd hosts check` shows those that the hosts share"
        )
    name = _choose(launcher, ranks, hosts, environ, which)
    if name == "local":
        return _local(program, ranks, hosts)
    binary = _find(name, environ, which)
    job = _Job(
        program=program,
        ranks=ranks,
        hosts=take(hosts, ranks) if hosts is not None else _here(name, ranks, environ),
        interface=interface,
        crowded=False,
        variables=_variables(environ, forward),
    )
    slots = max((host.slots for host in job.hosts), default=0)
    job = dataclasses.replace(job, crowded=cores_per_host is not None and slots > cores_per_host)
    root = os.geteuid() == 0 if root is None else root
    return _WRITERS[name](job, binary, _root_environment(root), environ)


@dataclasses.dataclass(frozen=True)
class _Job:
    """What a launcher is told.  No hosts: the Slurm allocation says which."""

    program: tuple[str, ...]
    ranks: int
    hosts: tuple[Host, ...]
    interface: str | None
    crowded: bool
    variables: tuple[str, ...]


def _choose(launcher, ranks, hosts, environ, which) -> str:
    if launcher not in LAUNCHERS:
        raise ConfigError(
            f"--launcher: expected one of {', '.join(LAUNCHERS)}, received {launcher!r}"
        )
    if launcher != "auto":
        return launcher
    if ranks == 1 and hosts is None:
        return "local"
    here = in_slurm(environ) and hosts is None
    candidates = ("mpirun", "srun") if here else ("mpirun", "horovodrun")
    for name in candidates:
        if which(name, path=environ.get("PATH")):
            return name
    raise SetupError(
        f"no launcher on PATH: looked for {' and '.join(candidates)}; activate the environment "
        "(. .venv/bin/activate), or put `scripts/in_env` before the command"
    )


def in_slurm(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is inside a Slurm allocation."""
    return bool(environ.get("SLURM_JOB_ID"))


def _find(name, environ, which) -> str:
    binary = name.removesuffix("-mpi")
    path = which(binary, path=environ.get("PATH"))
    if path is None:
        remedy = (
            "it is part of Slurm: run this on a cluster's node, or take --launcher mpirun"
            if binary == "srun"
            else "activate the environment (. .venv/bin/activate), load the site's module, or put "
            "`scripts/in_env` before the command"
        )
        raise SetupError(f"{binary}: not on PATH; {remedy}")
    return os.path.abspath(path)


def _program(program) -> tuple[str, ...]:
    if not program or not program[0] or program[0].startswith("-"):
        received = repr(program[0]) if program else "nothing"
        raise ConfigError(
            f"expected a program after --, received {received}; for example "
            "`caps-hvd launch -np 2 -- python -m caps_hvd.train`"
        )
    return tuple(map(str, program))


def _local(program, ranks, hosts) -> Launch:
    if ranks > 1 or hosts:
        what = f"{ranks} ranks" if ranks > 1 else "a list of hosts"
        raise ConfigError(
            f"--launcher local: it starts one process here, received {what}; take --launcher mpirun"
        )
    return Launch(program, {})


def _here(name, ranks, environ) -> tuple[Host, ...]:
    """Where ranks go when nobody says: the allocation (no hosts), or this machine."""
    if name == "srun" or (name == "mpirun" and in_slurm(environ)):
        slots = sum(_tasks_per_node(environ.get("SLURM_TASKS_PER_NODE", "")))
        if 0 < slots < ranks:
            raise ConfigError(
                f"-np: {ranks} ranks, but this Slurm allocation has {slots} tasks; ask sbatch for "
                "more nodes or --ntasks-per-node"
            )
        return ()
    return (Host("localhost", ranks),)


def _tasks_per_node(text) -> list[int]:
    """Tasks of each node: `2(x3),1` -> [2, 2, 2, 1]; empty where the text is none."""
    if not re.fullmatch(r"\d+(\(x\d+\))?(,\d+(\(x\d+\))?)*", text):
        return []
    runs = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(tasks) for tasks, times in runs for _ in range(int(times or 1))]


def _variables(environ, forward) -> tuple[str, ...]:
    for name in forward:
        if not _VARIABLE.fullmatch(name):
            raise ConfigError(
                f"--forward: expected the name of an environment variable, received {name!r}"
            )
    wanted = {*_FORWARDED, *forward}
    return tuple(
        name
        for name in sorted(environ)
        if _VARIABLE.fullmatch(name) and (name in wanted or name.startswith(_FORWARDED_FAMILIES))
    )


def _root_environment(root) -> dict[str, str]:
    names = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")
    return dict.fromkeys(names, "1") if root else {}


def _mca(job, hosts) -> dict[str, str]:
    """Open MPI's parameters for this job."""
    parameters = {}
    if job.interface:
        parameters |= {"btl_tcp_if_include": job.interface, "oob_tcp_if_include": job.interface}
    if job.crowded:
        parameters["mpi_yield_when_idle"] = "1"
    if hosts:
        parameters["plm_rsh_args"] = _SSH_OPTIONS
    if len(hosts) >= _MANY_HOSTS:
        parameters["plm_rsh_no_tree_spawn"] = "1"
        parameters["plm_rsh_num_concurrent"] = str(len(hosts))
    return parameters


def _mca_arguments(parameters) -> list[str]:
    return [word for name, value in parameters.items() for word in ("--mca", name, value)]


def _mpirun(job, binary, environment, environ) -> Launch:
    if job.interface:
        environment = {**environment, "NCCL_SOCKET_IFNAME": job.interface}
    variables = sorted({*job.variables, *(n for n in environment if n.startswith("NCCL_"))})
    argv = [
        binary,
        *("-np", str(job.ranks)),
        *(("-H", to_list(job.hosts)) if job.hosts else ()),
        *("--bind-to", "none", "--map-by", "slot"),
        *_mca_arguments(_mca(job, job.hosts)),
        *(word for name in variables for word in ("-x", name)),
        *job.program,
    ]
    return Launch(tuple(argv), environment)


def _horovodrun(controller):
    def write(job, binary, environment, environ) -> Launch:
        argv = [
            binary,
            controller,
            *("-np", str(job.ranks), "-H", to_list(job.hosts)),
            "--disable-cache",
            *("--start-timeout", str(_HOROVODRUN_START_SECONDS)),
            *(("--network-interfaces", job.interface) if job.interface else ()),
        ]
        if controller == "--mpi":
            mpirun = environ.get("PATH") and shutil.which("mpirun", path=environ["PATH"])
            prefix = ["--prefix", str(Path(mpirun).absolute().parents[1])] if mpirun else []
            parameters = _mca(job, job.hosts)
            parameters.pop("btl_tcp_if_include", None)  # horovodrun says it itself
            # Its own shell reads this text.
            argv.append(f"--mpi-args={shlex.join([*prefix, *_mca_arguments(parameters)])}")
        return Launch((*argv, *job.program), environment)

    return write


def _srun(job, binary, environment, environ) -> Launch:
    if job.interface:
        environment = {
            "NCCL_SOCKET_IFNAME": job.interface,
            "OMPI_MCA_btl_tcp_if_include": job.interface,
        }
    else:
        environment = {}
    if job.crowded:
        environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
    slots = {host.slots for host in job.hosts}
    if len(slots) > 1:
        raise ConfigError(
            "--launcher srun: it puts as many ranks on each host, received "
            f"{to_list(job.hosts)}; take --launcher mpirun"
        )
    where = []
    if job.hosts:
        names = ",".join(host.name for host in job.hosts)
        where = [
            f"--nodelist={names}",
            f"--nodes={len(job.hosts)}",
            f"--ntasks-per-node={slots.pop()}",
        ]
    # Since 22.05 srun does not take this over from sbatch.
    cores = environ.get("SLURM_CPUS_PER_TASK", "")
    argv = [
        binary,
        "--mpi=pmix",
        f"--ntasks={job.ranks}",
        *where,
        *([f"--cpus-per-task={cores}"] if cores.isdecimal() else []),
        "--cpu-bind=none",
        "--kill-on-bad-exit=1",
        "--disable-status",  # one Ctrl-C ends the ranks
        "--export=ALL",
        *job.program,
    ]
    return Launch(tuple(argv), environment)


_WRITERS = {
    "mpirun": _mpirun,
    "horovodrun": _horovodrun("--gloo"),
    "horovodrun-mpi": _horovodrun("--mpi"),
    "srun": _srun,
}
