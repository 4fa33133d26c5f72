"""A watchdog of a rank: it ends the rank with the ssh connection that started it.

    python -m caps_hvd.launch.ssh_watchdog PROGRAM [ARGUMENT...]

horovodrun starts each rank of another host through ssh, and ends it by ending ssh here. Without a
terminal sshd tells the rank nothing: it would go on until it misses another rank, a program that
waits for nobody for ever. On its host one sees only that its parent is another one, since the
process of sshd that served the connection is gone.

`supervisor.py` serves the other end: the machine that started everything.
"""

import contextlib
import os
import signal
import subprocess
import sys

import psutil

from caps_hvd.launch.supervisor import end, not_started, shell_code

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_SHELLS = {"ash", "bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"}


def main(program: list[str]) -> int:
    """Runs the program and gives its exit code: 128 + n where signal n ended it, as in a shell."""
    links = _links()
    try:
        child = subprocess.Popen(program)
    except OSError as error:
        return not_started(program, error)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    while True:
        try:
            return shell_code(child.wait(_LOOK_SECONDS))
        except subprocess.TimeoutExpired:
            if any(_parent(process) != parent for process, parent in links):
                end(child, _GRACE_SECONDS)
                return 128 + signal.SIGHUP


def _links() -> list[tuple[int, int]]:
    """(process, its parent) that must stay: this one's, and that of the shell between it and sshd.

    No more: what is above may end while the job goes on, as the shell behind `nohup` does.
    """
    own, parent = os.getpid(), os.getppid()
    links = [(own, parent)]
    with contextlib.suppress(psutil.Error):
        if psutil.Process(parent).name() in _SHELLS:
            links.append((parent, _parent(parent)))
    return links


def _parent(process) -> int:
    """The parent of a process, 0 where there is none."""
    try:
        return psutil.Process(process).ppid()
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
