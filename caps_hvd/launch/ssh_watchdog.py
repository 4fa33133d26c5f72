"""A watchdog over one rank, which ends it with the ssh connection that started it.

    python -m caps_hvd.launch.ssh_watchdog PROGRAM [ARGUMENT...]

horovodrun starts each rank of another host through ssh, and ends it by ending ssh here. Without a
terminal sshd tells the rank nothing: it would go on until it misses another rank, a program that
waits for nobody for ever. On its host one sees only that its parent is another one, since the
process of sshd that served the connection is gone.

`supervisor.py` serves the other end: the machine that started everything.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_SHELLS = {"ash", "bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"}


def main(program: list[str]) -> int:
    """Runs the program and gives its exit code: 128 + n where signal n ended it, as in a shell."""
    links = _links()
    try:
        child = subprocess.Popen(program)
    except OSError as error:
        print(f"{program[0]}: cannot be started: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    while True:
        try:
            code = child.wait(_LOOK_SECONDS)
            return 128 - code if code < 0 else code
        except subprocess.TimeoutExpired:
            if any(_parent(process) != parent for process, parent in links):
                return _end(child)


def _links() -> list[tuple[int, int]]:
    """(process, its parent) that must stay: this one's, and that of the shell between it and sshd.

    No more: what is above may end while the job goes on, as the shell behind `nohup` does.
    """
    own, parent = os.getpid(), os.getppid()
    links = [(own, parent)]
    if _read(parent, "comm").strip() in _SHELLS:
        links.append((parent, _parent(parent)))
    return links


def _parent(process) -> int:
    """The parent of a process, 0 where there is none."""
    after_name = _read(process, "stat").rpartition(")")[2].split()
    return int(after_name[1]) if len(after_name) > 1 else 0


def _read(process, name) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def _end(child) -> int:
    child.terminate()
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
    return 128 + signal.SIGHUP


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
