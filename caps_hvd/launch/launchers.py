"""The command that starts a program on many ranks: which launcher, on which hosts.

A description in, an argument list and environment variables out; nothing is run and no shell reads
what is made here. `dialects.py` has the command line of each launcher.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence

from caps_hvd.errors import ConfigError, SetupError, check_choice
from caps_hvd.launch.allocation import in_slurm, slurm_tasks
from caps_hvd.launch.dialects import DIALECTS, Launch, LauncherRequest
from caps_hvd.launch.hosts.hostfile import Host, take
from caps_hvd.system.installation import launcher_advice

LAUNCHERS = ("auto", "local", *DIALECTS)

_FORWARDED = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "VIRTUAL_ENV")
_FORWARDED_FAMILIES = ("CAPS_HVD_", "HOROVOD_", "KERAS_", "NCCL_", "OMP_", "TF_", "UCX_")
# What hides the GPUs from every library that looks for them.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
) -> Launch:
    """The command that starts `program` on that many ranks.

    Args:
        program: program and arguments that every rank runs.
        ranks: processes to start, >= 1.
        hosts: where, host by host as far as their slots reach; default: the nodes of the Slurm
            allocation, or this machine.
        launcher: one of `LAUNCHERS`. `auto`: in a Slurm allocation mpirun (Open MPI then starts
            its daemons with srun) or srun; elsewhere one process alone without any, else mpirun
            or horovodrun, whichever is on PATH. `horovodrun` is Horovod's launcher over Gloo,
            `horovodrun-mpi` over MPI.
        interface: network interface that the ranks talk through, under the same name on each host;
            default: the launcher finds one.
        cores_per_host: cores of a host, to see whether ranks outnumber them; default: they do not.
        environ: the environment that the command will run in.
        forward: more variables to hand to the ranks of other hosts.

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
    if interface is not None and not INTERFACE.fullmatch(interface):
        raise ConfigError(
            f"--interface: expected the name of a network interface such as eth0, received "
            f"{interface!r}; `caps-hvd hosts check` shows those that the hosts share"
        )
    name = _choose(launcher, ranks, hosts, environ)
    if name == "local":
        return _local(program, ranks, hosts)
    dialect = DIALECTS[name]
    binary = _find(dialect, environ)
    hosts = take(hosts, ranks) if hosts is not None else _here(dialect, ranks, environ)
    slots = max((host.slots for host in hosts), default=0)
    request = LauncherRequest(
        binary=binary,
        program=program,
        ranks=ranks,
        hosts=hosts,
        interface=interface,
        crowded=cores_per_host is not None and slots > cores_per_host,
        root=os.geteuid() == 0,
        variables=_variables(environ, forward),
        directory=os.getcwd(),
        mpirun=shutil.which("mpirun", path=environ.get("PATH")),
        cores_per_task=_cores_per_task(environ),
        ssh=_through_ssh(environ),
    )
    return dialect.write(request)


def finds_hosts(launcher: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a launcher needs no hosts: it finds those of the Slurm job itself, or takes none."""
    if launcher == "local":
        return True
    if launcher == "auto":
        return in_slurm(environ)
    allocation = DIALECTS[launcher].allocation if launcher in DIALECTS else "always"
    return allocation == "always" or (allocation == "inside" and in_slurm(environ))


def _choose(launcher, ranks, hosts, environ) -> str:
    check_choice("--launcher", launcher, LAUNCHERS)
    if launcher != "auto":
        return launcher
    if ranks == 1 and hosts is None:
        return "local"
    here = in_slurm(environ) and hosts is None
    candidates = ("mpirun", "srun") if here else ("mpirun", "horovodrun")
    for name in candidates:
        if shutil.which(name, path=environ.get("PATH")):
            return name
    raise SetupError(
        f"no launcher on PATH: looked for {' and '.join(candidates)}; {launcher_advice()}"
    )


def _cores_per_task(environ) -> str:
    text = environ.get("SLURM_CPUS_PER_TASK", "") if in_slurm(environ) else ""
    if text and not (text.isdecimal() and int(text)):
        raise ConfigError(
            f"SLURM_CPUS_PER_TASK: expected the cores of each rank, received {text!r}; unset what "
            "is left over from another job"
        )
    return text


def _through_ssh(environ) -> bool:
    """Whether Open MPI would start its daemons with ssh, to which alone ssh's options mean much.

    In a job of SGE it takes `qrsh -inherit` instead, by the variables that it finds.
    """
    agent = environ.get("OMPI_MCA_plm_rsh_agent")
    if agent:
        return agent.split()[0].rpartition("/")[2] == "ssh"
    grid_engine = all(environ.get(name) for name in ("SGE_ROOT", "ARC", "PE_HOSTFILE", "JOB_ID"))
    return not grid_engine or environ.get("OMPI_MCA_plm_rsh_disable_qrsh") == "1"


def _find(dialect, environ) -> str:
    path = shutil.which(dialect.binary, path=environ.get("PATH"))
    if path is None:
        remedy = (
            "it is part of Slurm: run this on a cluster's node, or take --launcher mpirun"
            if dialect.allocation == "always"
            else f"load the site's module, or {launcher_advice()}"
        )
        raise SetupError(f"{dialect.binary}: not on PATH; {remedy}")
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


def _here(dialect, ranks, environ) -> tuple[Host, ...]:
    """Where ranks go when nobody says: the allocation (no hosts), or this machine."""
    inside = dialect.allocation == "inside" and in_slurm(environ)
    if inside or dialect.allocation == "always":
        slots = sum(slurm_tasks(environ))
        if 0 < slots < ranks:
            raise ConfigError(
                f"-np: {ranks} ranks, but this Slurm allocation has {slots} tasks; ask sbatch for "
                "more nodes or --ntasks-per-node"
            )
        return ()
    return (Host("localhost", ranks),)


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
