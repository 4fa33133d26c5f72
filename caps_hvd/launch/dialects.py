"""The launchers' command lines, with the settings that people otherwise search for.

One pure function for each launcher: a `LauncherRequest` in, a `Launch` out. Another launcher is
another such function and its line in `DIALECTS`; only `auto` chooses among some by name.

What they set, and why:

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
| `caps_hvd.launch.ssh_watchdog` | horovodrun's ranks on other hosts would outlive it |
| `--disable-cache` | horovodrun would believe for an hour that a host is as it was |
"""

import dataclasses
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from caps_hvd.errors import ConfigError
from caps_hvd.launch.hosts.hostfile import Host, to_list

_SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout=15"
# From this many hosts on, all are reached from here: mpirun would let the first ones reach the
# others, which needs ssh keys between all of them.
_MANY_HOSTS = 64
_HOROVODRUN_START_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Launch:
    """A command that starts a program on its ranks.

    Args:
        argv: program and arguments.
        environment: what to add to the environment that it runs in.
        attended: somebody has to stay beside it, who hands signals on and finds out how its ranks
            ended; otherwise it can take its starter's place.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    attended: bool = False

    def __str__(self):
        """The command as one could type it into a shell."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*settings, shlex.join(self.argv)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class LauncherRequest:
    """What a launcher is asked for.

    Args:
        binary: path of the launcher.
        program: program and arguments of every rank.
        ranks: processes, >= 1.
        hosts: where, with exactly as many slots as ranks; none: the Slurm allocation says.
        interface: network interface, or None for the launcher's choice.
        crowded: ranks outnumber the cores of a host.
        root: root runs it.
        variables: names of environment variables for the ranks.
        directory: folder that the launcher runs in.
        mpirun: path of mpirun, or None.
        ssh: whether mpirun reaches other hosts through ssh, and not through a scheduler's program.
        cores_per_task: Slurm's, as text; may be empty.
    """

    binary: str
    program: tuple[str, ...]
    ranks: int
    hosts: tuple[Host, ...]
    interface: str | None
    crowded: bool
    root: bool
    variables: tuple[str, ...]
    directory: str
    mpirun: str | None
    cores_per_task: str
    ssh: bool = True


def _root_environment(request) -> dict[str, str]:
    names = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")
    return dict.fromkeys(names, "1") if request.root else {}


def _mca(request) -> dict[str, str]:
    """Open MPI's parameters for this request."""
    parameters = {}
    if request.interface:
        names = ("btl_tcp_if_include", "oob_tcp_if_include")
        parameters |= dict.fromkeys(names, request.interface)
    if request.crowded:
        parameters["mpi_yield_when_idle"] = "1"
    if request.hosts and request.ssh:
        parameters["plm_rsh_args"] = _SSH_OPTIONS
    if len(request.hosts) >= _MANY_HOSTS:
        parameters["plm_rsh_no_tree_spawn"] = "1"
        parameters["plm_rsh_num_concurrent"] = str(len(request.hosts))
    return parameters


def _mca_arguments(parameters) -> list[str]:
    return [word for name, value in parameters.items() for word in ("--mca", name, value)]


def mpirun(request: LauncherRequest) -> Launch:
    """Open MPI's launcher; inside a Slurm allocation it asks Slurm for hosts and starts there."""
    sockets = {"NCCL_SOCKET_IFNAME": request.interface} if request.interface else {}
    variables = sorted({*request.variables, *sockets})
    argv = [
        request.binary,
        *("-np", str(request.ranks)),
        *(("-H", to_list(request.hosts)) if request.hosts else ()),
        *("--bind-to", "none", "--map-by", "slot"),
        *_mca_arguments(_mca(request)),
        *(word for name in variables for word in ("-x", name)),
        *request.program,
    ]
    return Launch(tuple(argv), _root_environment(request) | sockets)


def horovodrun(request: LauncherRequest) -> Launch:
    """Horovod's launcher over Gloo, which starts every rank through ssh, here with a watchdog."""
    # It has the shells of other hosts read the name of its folder without quotes: where that would
    # matter it runs in another folder, and the ranks go to theirs by themselves.
    odd = shlex.quote(request.directory) != request.directory
    here, there = (("env", "-C", "/"), ("env", "-C", request.directory)) if odd else ((), ())
    # The other hosts have this Python under the same path.
    watchdog = (sys.executable, "-m", "caps_hvd.launch.ssh_watchdog")
    argv = (*here, *_horovodrun_arguments(request, "--gloo"), *there, *watchdog, *request.program)
    return Launch(argv, _root_environment(request), attended=True)


def horovodrun_mpi(request: LauncherRequest) -> Launch:
    """Horovod's launcher over MPI, which calls mpirun."""
    parameters = _mca(request)
    parameters.pop("btl_tcp_if_include", None)  # horovodrun adds it
    prefix = ["--prefix", str(Path(request.mpirun).absolute().parents[1])] if request.mpirun else []
    # A shell of horovodrun's reads this text.
    words = shlex.join([*prefix, *_mca_arguments(parameters)])
    argv = [*_horovodrun_arguments(request, "--mpi"), f"--mpi-args={words}", *request.program]
    return Launch(tuple(argv), _root_environment(request), attended=True)


def _horovodrun_arguments(request, controller) -> list[str]:
    return [
        request.binary,
        controller,
        *("-np", str(request.ranks), "-H", to_list(request.hosts)),
        "--disable-cache",
        *("--start-timeout", str(_HOROVODRUN_START_SECONDS)),
        *(("--network-interfaces", request.interface) if request.interface else ()),
    ]


def interface_variables(interface: str | None) -> dict[str, str]:
    """What tells ranks that no mpirun starts through which network interface to talk."""
    names = ("NCCL_SOCKET_IFNAME", "OMPI_MCA_btl_tcp_if_include")
    return dict.fromkeys(names, interface) if interface else {}


def srun(request: LauncherRequest) -> Launch:
    """Slurm's launcher; the ranks find each other through PMIx."""
    environment = interface_variables(request.interface)
    if request.crowded:
        environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
    cores = request.cores_per_task
    argv = [
        request.binary,
        "--mpi=pmix",
        f"--ntasks={request.ranks}",
        *_srun_nodes(request.hosts),
        # Since 22.05 srun does not take this over from sbatch.
        *([f"--cpus-per-task={cores}"] if cores.isdecimal() else []),
        "--cpu-bind=none",
        "--kill-on-bad-exit=1",
        "--disable-status",  # one Ctrl-C ends the ranks
        "--export=ALL",
        *request.program,
    ]
    return Launch(tuple(argv), environment)


def _srun_nodes(hosts) -> list[str]:
    if not hosts:
        return []
    slots = {host.slots for host in hosts}
    if len(slots) > 1:
        raise ConfigError(
            "--launcher srun: it puts as many ranks on each host, received "
            f"{to_list(hosts)}; take --launcher mpirun"
        )
    names = ",".join(host.name for host in hosts)
    return [
        f"--nodelist={names}",
        f"--nodes={len(hosts)}",
        f"--ntasks-per-node={slots.pop()}",
    ]


@dataclasses.dataclass(frozen=True)
class Dialect:
    """A launcher.

    Args:
        write: makes its command.
        binary: name of its program.
        allocation: where it finds the hosts of a Slurm allocation by itself: `never`, `inside` one,
            or `always`, because it is part of Slurm.
    """

    write: Callable[[LauncherRequest], Launch]
    binary: str
    allocation: Literal["never", "inside", "always"] = "never"


# Name of a launcher, as --launcher takes it -> the launcher.
DIALECTS = {
    "mpirun": Dialect(mpirun, "mpirun", "inside"),
    "horovodrun": Dialect(horovodrun, "horovodrun"),
    "horovodrun-mpi": Dialect(horovodrun_mpi, "horovodrun"),
    "srun": Dialect(srun, "srun", "always"),
}
