"""The words of each launcher, with the settings that people otherwise search for.

One pure function per launcher: a `Job` in, a `Launch` out.  What they set, and why:

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
from pathlib import Path

from caps_hvd.errors import ConfigError
from caps_hvd.launch.hosts.hostfile import Host, to_list

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
class Job:
    """What a launcher is told.

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
        cores_per_task: Slurm's, as text; may be empty.
        python: this Python, which the other hosts have under the same path.
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
    python: str


def _root_environment(job) -> dict[str, str]:
    names = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM")
    return dict.fromkeys(names, "1") if job.root else {}


def _mca(job) -> dict[str, str]:
    """Open MPI's parameters for this job."""
    parameters = {}
    if job.interface:
        parameters |= {"btl_tcp_if_include": job.interface, "oob_tcp_if_include": job.interface}
    if job.crowded:
        parameters["mpi_yield_when_idle"] = "1"
    if job.hosts:
        parameters["plm_rsh_args"] = _SSH_OPTIONS
    if len(job.hosts) >= _MANY_HOSTS:
        parameters["plm_rsh_no_tree_spawn"] = "1"
        parameters["plm_rsh_num_concurrent"] = str(len(job.hosts))
    return parameters


def _mca_arguments(parameters) -> list[str]:
    return [word for name, value in parameters.items() for word in ("--mca", name, value)]


def mpirun(job: Job) -> Launch:
    """Open MPI's launcher; inside a Slurm allocation it asks Slurm for hosts and starts there."""
    sockets = {"NCCL_SOCKET_IFNAME": job.interface} if job.interface else {}
    variables = sorted({*job.variables, *sockets})
    argv = [
        job.binary,
        *("-np", str(job.ranks)),
        *(("-H", to_list(job.hosts)) if job.hosts else ()),
        *("--bind-to", "none", "--map-by", "slot"),
        *_mca_arguments(_mca(job)),
        *(word for name in variables for word in ("-x", name)),
        *job.program,
    ]
    return Launch(tuple(argv), _root_environment(job) | sockets)


def horovodrun(job: Job) -> Launch:
    """Horovod's launcher over Gloo, which starts every rank through ssh, here on a tether."""
    # It has the shells of other hosts read the name of its folder without quotes: where that would
    # matter it runs in another folder, and the ranks go to theirs by themselves.
    odd = shlex.quote(job.directory) != job.directory
    here, there = (("env", "-C", "/"), ("env", "-C", job.directory)) if odd else ((), ())
    tether = (job.python, "-m", "caps_hvd.launch.ssh_watchdog")
    argv = (*here, *_horovodrun_arguments(job, "--gloo"), *there, *tether, *job.program)
    return Launch(argv, _root_environment(job), attended=True)


def horovodrun_mpi(job: Job) -> Launch:
    """Horovod's launcher over MPI, which calls mpirun."""
    parameters = _mca(job)
    parameters.pop("btl_tcp_if_include", None)  # horovodrun adds it
    prefix = ["--prefix", str(Path(job.mpirun).absolute().parents[1])] if job.mpirun else []
    # A shell of horovodrun's reads this text.
    words = shlex.join([*prefix, *_mca_arguments(parameters)])
    argv = [*_horovodrun_arguments(job, "--mpi"), f"--mpi-args={words}", *job.program]
    return Launch(tuple(argv), _root_environment(job), attended=True)


def _horovodrun_arguments(job, controller) -> list[str]:
    return [
        job.binary,
        controller,
        *("-np", str(job.ranks), "-H", to_list(job.hosts)),
        "--disable-cache",
        *("--start-timeout", str(_HOROVODRUN_START_SECONDS)),
        *(("--network-interfaces", job.interface) if job.interface else ()),
    ]


def interface_variables(interface: str | None) -> dict[str, str]:
    """What tells ranks that no mpirun starts through which network interface to talk."""
    names = ("NCCL_SOCKET_IFNAME", "OMPI_MCA_btl_tcp_if_include")
    return dict.fromkeys(names, interface) if interface else {}


def srun(job: Job) -> Launch:
    """Slurm's launcher; the ranks find each other through PMIx."""
    environment = interface_variables(job.interface)
    if job.crowded:
        environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
    argv = [
        job.binary,
        "--mpi=pmix",
        f"--ntasks={job.ranks}",
        *_srun_nodes(job.hosts),
        # Since 22.05 srun does not take this over from sbatch.
        *([f"--cpus-per-task={job.cores_per_task}"] if job.cores_per_task.isdecimal() else []),
        "--cpu-bind=none",
        "--kill-on-bad-exit=1",
        "--disable-status",  # one Ctrl-C ends the ranks
        "--export=ALL",
        *job.program,
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


# Name of a launcher -> the function that writes its command.
DIALECTS = {
    "mpirun": mpirun,
    "horovodrun": horovodrun,
    "horovodrun-mpi": horovodrun_mpi,
    "srun": srun,
}
