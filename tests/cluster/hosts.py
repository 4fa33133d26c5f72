"""Hosts for tests: N of them on one machine, each with its own network, name, processes and sshd.

    python -m tests.cluster.hosts up 15 --rate 1gbit     # make h1 to h15; an older set is removed
    python -m tests.cluster.hosts exec h1 mpirun -np 15 ...
    python -m tests.cluster.hosts shape 10gbit           # or: off
    python -m tests.cluster.hosts kill h3                # power off: nothing says good-bye
    python -m tests.cluster.hosts boot h3                # and on again
    python -m tests.cluster.hosts list
    python -m tests.cluster.hosts down

    with Hosts.up(3, rate="1gbit") as hosts:             # in a test
        done = hosts.run("h1", ["hostname"])

A host is a network, UTS, PID, IPC and mount namespace with a /dev/shm and a /run of its own and
sshd as its first process.  Files are shared by all, as over NFS.  The hosts hang on a bridge in the
namespace of one process, the "rack", so the machine's own network gets no interface, and nothing is
written under /etc or /root: /etc/hosts, /etc/nsswitch.conf and ssh's configuration are bind mounts
inside the hosts.  When the rack dies, the kernel ends the hosts and all that runs on them; in a
test the rack dies with the test process, however that ends.

Root is needed, and the packages iproute2, openssh-server and util-linux.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NETWORK = "10.77.0"
MAXIMUM = 64
_TOOLS = ("ip", "tc", "nsenter", "unshare", "setpriv", "ssh", "ssh-keygen")
_SSHD = "/usr/sbin/sshd"
_AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")
_DEFAULT_FOLDER = Path(tempfile.gettempdir()) / "caps_hvd-hosts"
_FIRST_PROCESS = """
hostname "$1" && mount --bind "$2/hosts" /etc/hosts &&
mount --bind "$2/nsswitch.conf" /etc/nsswitch.conf &&
mount --bind "$2/ssh_config" /etc/ssh/ssh_config &&
mount -t tmpfs shm /dev/shm && mount -t tmpfs run /run && mkdir -p /run/sshd &&
exec /usr/sbin/sshd -D -e -f "$2/sshd_config"
"""
_SSH_CONFIG = """\
Host *
  User root
  IdentityFile {folder}/id
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  ServerAliveInterval 2
  ServerAliveCountMax 3
  LogLevel ERROR
"""
_SSHD_CONFIG = """\
Port 22
HostKey {folder}/hostkey
AuthorizedKeysFile {folder}/id.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
MaxStartups 100
"""


def missing() -> str | None:
    """Why no hosts can be made on this machine, or None where they can."""
    if os.geteuid() != 0:
        return "hosts need root, to make network namespaces"
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not os.access(_SSHD, os.X_OK):
        lacking.append(_SSHD)
    if lacking:
        return (
            f"not found: {', '.join(lacking)}; apt-get install iproute2 openssh-server util-linux"
        )
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode:
        return "this container must not make namespaces (docker: --privileged)"
    return None


@dataclasses.dataclass(frozen=True)
class Hosts:
    """A set of hosts that is up.

    Args:
        folder: keys, configuration and process numbers; removed with the hosts.
    """

    folder: Path

    @classmethod
    @contextlib.contextmanager
    def up(cls, count: int, rate: str | None = None):
        """Hosts h1 to h`count` for the block; they end with this process at the latest."""
        with tempfile.TemporaryDirectory(prefix="caps_hvd-hosts-") as folder:
            hosts = cls.start(count, rate, Path(folder), keep=False)
            try:
                yield hosts
            finally:
                hosts.down()

    @classmethod
    def start(cls, count: int, rate: str | None, folder: Path, keep: bool) -> "Hosts":
        """Makes hosts; they outlive this process if `keep`."""
        if not 1 <= count <= MAXIMUM:
            raise SystemExit(f"hosts: expected 1 to {MAXIMUM}, got {count}")
        _write_files(folder)
        _share_cores_fairly(folder)
        hosts = cls(folder)
        rack = subprocess.Popen(
            ["unshare", "--net", "--mount", sys.executable, "-m", "tests.cluster.hosts", "_rack",
             str(folder), str(count)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open(folder / "log", "w"),  # noqa: SIM115 (the rack's, for as long as it lives)
            text=True,
            start_new_session=True,
            preexec_fn=None if keep else _end_with_parent,
        )  # fmt: skip
        (folder / "rack.pid").write_text(str(rack.pid))
        if rack.stdout.readline() != "ready\n":
            hosts.down()
            raise RuntimeError(f"hosts did not come up: {(folder / 'log').read_text().strip()}")
        if rate:
            hosts.shape(rate)
        return hosts

    @property
    def names(self) -> list[str]:
        """The hosts that are on, in order."""
        numbers = (int(path.stem[1:]) for path in self.folder.glob("h*.pid"))
        return [f"h{number}" for number in sorted(numbers)]

    def popen(self, host: str, argv, cwd=None, **options) -> subprocess.Popen:
        """Starts a command on a host; it ends with the returned process.

        Args:
            host: name of a host.
            argv: program and arguments.
            cwd: folder to run it in, this process's by default.
            options: as for `subprocess.Popen`.
        """
        enter = ["nsenter", f"--target={self._first_process(host)}", "-m", "-u", "-i", "-n", "-p"]
        # nsenter leaves its child alone when it is killed.
        inside = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", 'cd "$0" && exec "$@"']
        return subprocess.Popen(
            [*enter, *inside, str(cwd or Path.cwd()), *map(str, argv)], **options
        )

    def run(self, host: str, argv, timeout: float = 60, **options) -> subprocess.CompletedProcess:
        """Runs a command on a host; standard output and error are its `stdout`, as text."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        pipes |= {"stdin": subprocess.DEVNULL, "errors": "replace", **options}
        process = self.popen(host, argv, **pipes)
        try:
            printed, complained = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            printed, _ = process.communicate()
            print(printed, file=sys.stderr)
            raise
        return subprocess.CompletedProcess(argv, process.returncode, printed, complained)

    def processes(self, host: str) -> list[str]:
        """The command lines that run on a host, sshd's apart."""
        listed = self.run(host, ["ps", "-e", "-o", "args="]).stdout.splitlines()
        return [line for line in listed if not line.startswith(("sshd", _SSHD, "ps -e"))]

    def shape(self, rate: str, burst: str | None = None) -> None:
        """Limits every link, in both directions, to a rate such as `1gbit`, or `off`."""
        for host in self.names:
            for process, device in (
                (self._first_process(host), "eth0"),
                (self._rack(), f"port{host[1:]}"),
            ):
                where = ["nsenter", f"--target={process}", "-n", "tc", "qdisc"]
                if rate == "off":
                    subprocess.run([*where, "del", "dev", device, "root"], capture_output=True)
                    continue
                burst = burst or ("10mb" if rate.endswith("gbit") and rate != "1gbit" else "1mb")
                limit = ["tbf", "rate", rate, "burst", burst, "latency", "50ms"]
                _run([*where, "replace", "dev", device, "root", *limit])

    def kill(self, host: str) -> None:
        """Powers a host off: its cable first, so that no connection is closed by a last word."""
        unshare = self._unshare(host)
        switch = ["nsenter", f"--target={self._rack()}", "-n", "ip", "link", "set"]
        _run([*switch, f"port{host[1:]}", "down"])
        os.kill(unshare, signal.SIGKILL)
        (self.folder / f"{host}.pid").unlink()

    def boot(self, host: str) -> None:
        """Powers a host on that was off, or adds one."""
        booted = self.folder / f"{host}.pid"
        with open(self.folder / "orders", "w") as orders:
            orders.write(f"{host[1:]}\n")
        _wait(booted.exists, f"{host} does not boot")

    def down(self) -> None:
        """Ends the hosts and all that runs on them, and removes their files."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            rack = self._rack()
            if b"_rack" in Path(f"/proc/{rack}/cmdline").read_bytes():
                os.kill(rack, signal.SIGKILL)
                _wait(lambda: not _alive(rack), "the hosts do not end")
        with contextlib.suppress(OSError):
            _AUTOGROUPS.write_text((self.folder / _AUTOGROUPS.name).read_text())
        shutil.rmtree(self.folder, ignore_errors=True)

    def _rack(self) -> int:
        return int((self.folder / "rack.pid").read_text())

    def _unshare(self, host) -> int:
        try:
            return int((self.folder / f"{host}.pid").read_text())
        except FileNotFoundError:
            raise SystemExit(f"{host}: there is no such host, or it is off") from None

    def _first_process(self, host) -> int:
        unshare = self._unshare(host)
        return int(Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()[0])


def _write_files(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    for key in ("id", "hostkey"):
        _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", folder / key])
    names = [f"{NETWORK}.{k} h{k}\n" for k in range(1, MAXIMUM + 1)]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(names))
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (folder / "ssh_config").write_text(_SSH_CONFIG.format(folder=folder))
    (folder / "sshd_config").write_text(_SSHD_CONFIG.format(folder=folder))
    os.mkfifo(folder / "orders")


def _be_the_rack(folder: Path, count: int) -> None:
    """Makes the bridge and the hosts in this process's namespaces, then boots what is ordered."""
    _run(["ip", "link", "add", "br0", "type", "bridge"])
    _run(["ip", "addr", "add", f"{NETWORK}.254/24", "dev", "br0"])
    _run(["ip", "link", "set", "br0", "up"])
    _run(["ip", "link", "set", "lo", "up"])
    for number in [_plug_in(folder, number) for number in range(1, count + 1)]:
        _wait_for_sshd(number)
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever waited may go
    # For reading and writing, so that no end of file comes when a writer leaves.
    for order in os.fdopen(os.open(folder / "orders", os.O_RDWR), "r"):
        _wait_for_sshd(_plug_in(folder, int(order)))


def _plug_in(folder: Path, number: int) -> int:
    host, port = f"h{number}", f"port{number}"
    # Its death is that of the host: --kill-child.
    unshare = subprocess.Popen(
        ["unshare", "--net", "--uts", "--ipc", "--pid", "--mount", "--fork", "--kill-child",
         "--mount-proc", "sh", "-c", _FIRST_PROCESS, "sh", host, folder],
        preexec_fn=_end_with_parent,
    )  # fmt: skip
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    _wait(lambda: children.read_text().strip(), f"{host} does not start")
    first = children.read_text().strip()
    inside = ["nsenter", f"--target={first}", "-n", "ip"]
    subprocess.run(["ip", "link", "del", port], capture_output=True)  # of a host that was killed
    card = ["eth0", "address", f"02:00:0a:4d:00:{number:02x}"]  # the same one after a reboot
    _run(["ip", "link", "add", port, "type", "veth", "peer", "name", *card, "netns", first])
    _run(["ip", "link", "set", port, "master", "br0", "up"])
    _run([*inside, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0"])
    _run([*inside, "link", "set", "eth0", "up"])
    _run([*inside, "link", "set", "lo", "up"])
    partial = folder / f".{host}.pid"
    partial.write_text(str(unshare.pid))
    partial.rename(folder / f"{host}.pid")
    return number


def _wait_for_sshd(number: int) -> None:
    def answers():
        with (
            contextlib.suppress(OSError),
            socket.create_connection((f"{NETWORK}.{number}", 22), timeout=1),
        ):
            return True

    _wait(answers, f"h{number} has no sshd")


def _wait(condition, complaint: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.01)


def _run(argv) -> None:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {(done.stderr or done.stdout).strip()}")


def _alive(process: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)  # it may be this process's child
    return Path(f"/proc/{process}").exists()


def _end_with_parent() -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _share_cores_fairly(folder):
    """Switches the kernel's autogroups off, until the hosts are down.

    They give the core to one session after another, for milliseconds each, so that a rank that
    yields to the others yields to nobody: fifteen hosts on two cores then reduce five times as
    slowly.  Hosts with cores of their own have no such thing.
    """
    with contextlib.suppress(OSError):  # a kernel without them
        (folder / _AUTOGROUPS.name).write_text(_AUTOGROUPS.read_text())
        _AUTOGROUPS.write_text("0")


def main(arguments=None) -> int:
    """The command line in this module's head."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=_DEFAULT_FOLDER, help="state of the set")
    actions = parser.add_subparsers(dest="action", required=True)
    up = actions.add_parser("up")
    up.add_argument("count", type=int)
    up.add_argument("--rate")
    execute = actions.add_parser("exec")
    execute.add_argument("host")
    execute.add_argument("argv", nargs=argparse.REMAINDER)
    shape = actions.add_parser("shape")
    shape.add_argument("rate")
    for name in ("kill", "boot"):
        actions.add_parser(name).add_argument("host")
    for name in ("down", "list"):
        actions.add_parser(name)
    rack = actions.add_parser("_rack")
    rack.add_argument("rack_folder", type=Path)
    rack.add_argument("count", type=int)
    given = parser.parse_args(arguments)
    hosts = Hosts(given.folder)
    if given.action == "_rack":
        _be_the_rack(given.rack_folder, given.count)
    elif given.action == "up":
        reason = missing()
        if reason:
            raise SystemExit(f"hosts: {reason}")
        hosts.down()  # what an earlier session left
        print(*Hosts.start(given.count, given.rate, given.folder, keep=True).names)
    elif given.action == "exec":
        return hosts.popen(given.host, given.argv).wait()
    elif given.action == "shape":
        hosts.shape(given.rate)
    elif given.action in ("kill", "boot"):
        getattr(hosts, given.action)(given.host)
    elif given.action == "down":
        hosts.down()
    else:
        print(*hosts.names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
