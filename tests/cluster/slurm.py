"""A real Slurm on this machine, for tests: its controller and some virtual nodes.

    python -m tests.cluster.slurm up 4              # nodes node1 to node4, with 2 fake GPUs each
    eval "$(python -m tests.cluster.slurm env)"     # now sbatch, squeue and scontrol talk to it
    sbatch slurm/capsnet_cpu.sh --epochs 2
    python -m tests.cluster.slurm down

    with Cluster.up(4) as cluster:                  # in a test
        job = cluster.submit("slurm/capsnet_cpu.sh", "--epochs", "2")
        assert cluster.wait(job, seconds=60) == "COMPLETED"

All daemons live in one PID namespace, which ends with its first process, and that with the process
that started it: nothing outlives a test, however it ends.  Each node has a host name of its own and
a port on 127.0.0.1; files are shared, as over NFS.  A GPU is a link to /dev/null: Slurm gives it
out, nothing computes on it.  Nothing is written outside the cluster's folder.

Partitions: `main`, and `urgent`, whose jobs put those of `main` back into the queue.  Not found by
such a cluster: --account and --qos are taken unchecked, nothing confines a job's memory or cores.

Root is needed, and the packages slurm-wlm, munge, libpmix-dev and util-linux.
"""

import argparse
import ctypes
import dataclasses
import glob
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster import slurm_files

REPOSITORY = Path(__file__).resolve().parents[2]
_TOOLS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "munged", "unshare")
# Slurm's PMIx plugin opens the library by the name that only the development package has.
_PMIX = ("/usr/lib/*/pmix2/lib/libpmix.so", "/usr/lib*/libpmix.so", "/usr/lib/*/libpmix.so")
_DEFAULT_FOLDER = Path(tempfile.gettempdir()) / "caps_hvd-slurm"
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "DEADLINE", "OUT_OF_MEMORY")
_START_SECONDS = 30

# The first process of the namespace; its end is the end of all others.
_FIRST_PROCESS = """
set -eu
cd "$1"
mount --bind hosts /etc/hosts
munged --foreground --key-file=munge/key --socket=munge/socket --pid-file="$1/run/munged.pid" \\
    --log-file="$1/log/munged.log" --seed-file="$1/munge/seed" &
while [ ! -S munge/socket ]; do sleep 0.05; done
slurmctld -D -c -f "$1/slurm.conf" >log/slurmctld.out 2>&1 &
shift
for node; do
    unshare --uts sh -c 'hostname "$1" && exec slurmd -D -N "$1" -f "$SLURM_CONF"' - "$node" \\
        >"log/$node.out" 2>&1 &
done
wait
"""


def missing() -> str | None:
    """Why there can be no such cluster here, or None."""
    if os.geteuid() != 0:
        return "needs root, for namespaces of processes and host names"
    absent = [tool for tool in _TOOLS if shutil.which(tool, path=_search_path()) is None]
    if absent:
        return f"needs {', '.join(absent)}: apt-get install slurm-wlm munge util-linux"
    if not any(glob.glob(pattern) for pattern in _PMIX):
        return "needs Slurm's PMIx: apt-get install libpmix-dev"
    return None


@dataclasses.dataclass
class Cluster:
    """A running cluster.

    Attributes:
        folder: all its files.
        nodes: names of its nodes.
    """

    folder: Path
    nodes: tuple[str, ...]
    process: subprocess.Popen | None = None

    @classmethod
    def up(cls, nodes=4, *, gpus=2, cpus=4, folder=None, stay=False) -> "Cluster":
        """Starts a cluster, and waits until all its nodes take jobs.

        Args:
            nodes: how many, from 1.
            gpus: fake GPUs of each.
            cpus: cores that each claims to have.
            folder: for its files, which must not exist; a temporary one by default.
            stay: whether it outlives this process.
        """
        folder = Path(folder or tempfile.mkdtemp(prefix="caps_hvd-slurm-"))
        names = tuple(f"node{number}" for number in range(1, nodes + 1))
        slurm_files.write(folder, names, gpus, cpus)
        cluster = cls(folder, names)
        # unshare sets the group of its own; the namespace's first process dies with it.
        command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc"]
        cluster.process = subprocess.Popen(
            [*command, "sh", "-c", _FIRST_PROCESS, "sh", str(folder), *names],
            env=cluster.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(folder / "log" / "start.err", "wb"),  # noqa: SIM115 the child's
            start_new_session=True,
            preexec_fn=None if stay else _end_with_parent,
        )
        (folder / "run" / "unshare.pid").write_text(str(cluster.process.pid))
        try:
            cluster._wait_until_idle()
        except BaseException:
            cluster.down()
            raise
        return cluster

    @classmethod
    def at(cls, folder) -> "Cluster":
        """The cluster that another process has started in a folder."""
        return cls(Path(folder), ())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def down(self) -> None:
        """Ends everything that runs on the cluster, and removes its files."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        else:
            _kill_recorded(self.folder / "run" / "unshare.pid")
        for _ in range(100):  # the kernel ends the namespace a moment later
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.05)

    def environ(self, **variables) -> dict[str, str]:
        """This process' environment with what Slurm's commands need to find the cluster."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("SLURM_")}
        where = {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": _search_path()}
        return {**kept, **where, **variables}

    def run(self, *argv, seconds=30, check=True, **options) -> subprocess.CompletedProcess:
        """Runs a command of Slurm, or one that talks to it."""
        options.setdefault("env", self.environ())
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, **options,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{shlex.join(map(str, argv))}: {done.returncode}\n{done.stderr}")
        return done

    def submit(self, script, *arguments, options=(), cwd=None, env=None) -> str:
        """Submits a script, and gives the job's number."""
        command = ["sbatch", "--parsable", *options, script, *arguments]
        done = self.run(*command, cwd=cwd, env=env or self.environ())
        return done.stdout.strip().partition(";")[0]

    def state(self, job) -> str:
        """Slurm's word for a job's state."""
        done = self.run("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}")
        return done.stdout.strip()

    def show(self, job) -> dict[str, str]:
        """What Slurm knows about a job, from `scontrol show job`."""
        words = self.run("scontrol", "show", "job", job).stdout.split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait(self, job, seconds) -> str:
        """Waits for the end of a job and gives its state; cancels it where it takes too long."""
        return self.wait_for(job, lambda state: state in _ENDED, seconds)

    def wait_for(self, job, reached, seconds) -> str:
        """Waits until `reached(state)`, or the job's end."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state(job)
            if reached(state) or state in _ENDED:
                return state
            if time.monotonic() > deadline:
                self.run("scancel", job)
                raise AssertionError(f"job {job} is {state} after {seconds} s")
            time.sleep(0.3)

    def _wait_until_idle(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            done = self.run("sinfo", "-h", "-N", "-p", "main", "-t", "idle", "-o%N", check=False)
            if len(done.stdout.split()) == len(self.nodes):
                return
            time.sleep(0.1)
        logs = "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-500:]}"
            for path in sorted((self.folder / "log").iterdir())
        )
        raise AssertionError(f"the cluster did not come up in {_START_SECONDS} s\n{logs}")


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _end_with_parent():
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _kill_recorded(path) -> None:
    """Ends the process of a pid file, if it still is what it was."""
    try:
        number = int(path.read_text())
        if Path(f"/proc/{number}/comm").read_text().strip() == "unshare":
            os.kill(number, signal.SIGKILL)
    except (OSError, ValueError):
        return


def main(arguments=None) -> int:
    """The command line of this file; its head describes it."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.slurm", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", choices=("up", "down", "env"))
    parser.add_argument("nodes", type=int, nargs="?", default=4)
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=_DEFAULT_FOLDER)
    given = parser.parse_args(arguments)
    if given.what == "env":
        print(f"export SLURM_CONF={shlex.quote(str(given.folder / 'slurm.conf'))}")
        return 0
    if given.what == "up" and (reason := missing()):
        print(f"tests.cluster.slurm: {reason}", file=sys.stderr)
        return 2
    Cluster.at(given.folder).down()
    if given.what == "up":
        Cluster.up(given.nodes, gpus=given.gpus, cpus=given.cpus, folder=given.folder, stay=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
