"""The start of a launcher's command, so that it ends as the program does.

mpirun, srun and a single process take this process's place: signals and exit codes are theirs, and
nothing stands between.  horovodrun needs somebody beside it: over Gloo it ends with 1 whatever the
ranks ended with, and with a traceback of its own.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch import launchers, supervisor
from caps_hvd.launch.allocation import allocated_hosts, in_slurm, slurm_tasks
from caps_hvd.launch.dialects import Launch
from caps_hvd.launch.hosts.hostfile import Host, take
from caps_hvd.system.host import usable_cores

_FORWARDED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_UP_SECONDS = 20.0
_LAST_MESSAGES_SECONDS = 2.0
# What horovodrun says of the first rank that failed, within its own traceback.
_EXIT_CODE = re.compile(rb"^Exit code: (\d+)\s*$")
# TensorFlow's words at its import, which horovodrun makes twice; the ranks' lines have a prefix.
_NOISE = re.compile(rb"WARNING: All log messages before absl::|I0000 .* oneDNN custom operations")


def plan(
    program: Sequence[str],
    ranks: int | None,
    hosts: Sequence[Host] | None,
    where: str = "hosts",
    **options,
) -> Launch:
    """The command for a person who may leave things out.

    Args:
        program: program and arguments of every rank.
        ranks: processes; default: a rank for each slot of the hosts, or each task of the Slurm job.
        hosts: where; default: the hosts of the batch job around this process, or this machine.
        where: what to call the hosts in an error, such as their file's path.
        options: as for `launchers.command`.

    Raises:
        ConfigError, SetupError: as `launchers.command`.
    """
    launcher = options.get("launcher", "auto")
    given = hosts is not None
    if not given and not launchers.finds_hosts(launcher):
        hosts, where = allocated_hosts()
    if ranks is None:
        ranks = _every_slot(hosts)
    if hosts is not None and not given and ranks > (slots := sum(host.slots for host in hosts)):
        raise ConfigError(
            f"-np: {ranks} ranks, but this job has {slots} slots ({where}); ask its scheduler for "
            "more, or start fewer"
        )
    if hosts is not None:
        hosts = take(hosts, ranks, where)
    if ranks == 1 and launcher == "auto" and not given:
        hosts = None  # one rank of a job needs nobody who starts it
    if options.get("cores_per_host") is None:
        options["cores_per_host"] = usable_cores()
    return launchers.command(program, ranks=ranks, hosts=hosts, **options)


def _every_slot(hosts) -> int:
    if hosts is not None:
        return sum(host.slots for host in hosts)
    if in_slurm() and (tasks := sum(slurm_tasks())):
        return tasks
    raise ConfigError("-np: expected the number of ranks, received nothing; give -np 2, or hosts")


def start(launch: Launch) -> int:
    """Runs a command to its end; where this process can become the command, it does not return.

    Returns:
        The exit code of the ranks that failed first, 0 where none did.

    Raises:
        SetupError: the program cannot be started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    environment = {**os.environ, **launch.environment}
    try:
        if launch.attended:
            return _stand_by(launch.argv, environment)
        os.execvpe(launch.argv[0], list(launch.argv), environment)
    except OSError as error:
        raise SetupError(
            f"{launch.argv[0]}: cannot be started: {error.strerror}; correct the program's name, "
            "or put it on PATH"
        ) from None


def check_names(hosts: Sequence[Host], where: str = "hosts") -> None:
    """Makes sure that every host's name stands for an address.

    A name that only ssh's configuration knows (`HostName`) counts, too.

    Raises:
        ConfigError: a name is unknown; the message has its line.
    """
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        known = list(pool.map(_is_known, hosts))
    for host, is_known in zip(hosts, known, strict=True):
        if not is_known:
            line = f"line {host.line}: " if host.line else ""
            raise ConfigError(
                f"{where}: {line}no host of the name {host.name} is known here; correct it, or add "
                "it to /etc/hosts, or as HostName to ~/.ssh/config"
            )


def _is_known(host) -> bool:
    return _resolves(host.name) or _resolves(_name_for_ssh(host.name))


def _resolves(name) -> bool:
    try:
        return bool(socket.getaddrinfo(name, 22, proto=socket.IPPROTO_TCP))
    except (OSError, UnicodeError):
        return False


def _name_for_ssh(name) -> str:
    try:
        done = subprocess.run(
            ["ssh", "-G", "--", name], capture_output=True, text=True, timeout=_LOOK_UP_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return name
    found = re.search(r"^hostname (\S+)$", done.stdout, re.MULTILINE)
    return found[1] if found else name


def _stand_by(argv, environment) -> int:
    """Runs horovodrun, hands signals on to it, and finds out how the first rank ended."""
    process = None
    received = []

    def hand_on(number, frame):
        received.append(number)
        if process is not None:
            # All mean the same to horovodrun; the third one is the end of patience.
            process.send_signal(signal.SIGTERM if len(received) < 3 else signal.SIGKILL)

    before = {number: signal.signal(number, hand_on) for number in _FORWARDED_SIGNALS}
    try:
        process = subprocess.Popen(
            supervisor.command(argv),  # even if this process is killed, it ends
            env=environment,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C comes from here, once
        )
        if received:
            process.terminate()
        messages = _Messages(process.stderr)
        messages.start()
        code = process.wait()
        messages.join(_LAST_MESSAGES_SECONDS)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    messages.show_held()
    if received:
        return 128 + received[0]
    return code if messages.exit_code is None else messages.exit_code


class _Messages(threading.Thread):
    """Shows what horovodrun says but for the traceback in which it tells how a rank ended."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.exit_code = None
        self._stream = stream
        self._held = []  # lines of a traceback, which may or may not be that one

    def run(self):
        for line in self._stream:
            found = _EXIT_CODE.match(line)
            if found:
                self.exit_code = int(found[1])
            if self._held or line.startswith(b"Traceback (most recent call last)"):
                self._held.append(line)
            elif not _NOISE.match(line):
                _show(line)

    def show_held(self):
        if self.exit_code is None:
            _show(b"".join(self._held))


def _show(line) -> None:
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()
