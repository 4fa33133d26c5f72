"""A supervisor of a program: it ends the program, and all that it started, with its starter.

    python -m caps_hvd.launch.supervisor PARENT_PID PROGRAM [ARGUMENT...]

A launcher's ranks may have sessions of their own, and a starter that is killed with -9 cannot end
them. This process can: the kernel tells it when its parent is gone (PR_SET_PDEATHSIG), and hands it
every orphan below it (PR_SET_CHILD_SUBREAPER), so that at the end it sees all that is left.
"""

import ctypes
import os
import signal
import subprocess
import sys

import psutil

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

GRACE_SECONDS = 10.0  # mpirun tells its ranks, also on other machines, before it ends


def command(program) -> list[str]:
    """The command that runs a program under a supervisor, which ends it when this process ends."""
    return [sys.executable, "-m", "caps_hvd.launch.supervisor", str(os.getpid()), *program]


def main(arguments: list[str]) -> int:
    """Runs the program and gives its exit code: 128 + n where signal n ended it, as in a shell."""
    parent, program = int(arguments[0]), arguments[1:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupted)
    child = None
    try:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before the kernel had been asked
            return 128 + signal.SIGTERM
        child = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # safe: there are no threads here
        )
        code = child.wait()
    except OSError as error:
        return not_started(program, error)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _end_all(child)
    return shell_code(code)


def not_started(program: list[str], error: OSError) -> int:
    """Says that a program cannot be started, and returns the exit code for it."""
    print(f"{program[0]}: cannot be started: {error.strerror}", file=sys.stderr, flush=True)
    return 127


def shell_code(code: int) -> int:
    """Returns the exit code that a shell gives for that of a `Popen`."""
    return 128 - code if code < 0 else code


def end(child: subprocess.Popen, seconds: float) -> None:
    """Asks a program to end, and kills it where it has not done so in time."""
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()


def _interrupted(number, frame):
    sys.exit(128 + number)


def _end_with_parent():
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _prctl(option, value):
    ctypes.CDLL(None).prctl(option, int(value), 0, 0, 0)


def _end_all(child) -> None:
    """Ends the program, and kills what is left below this process."""
    if child is not None and child.poll() is None:
        end(child, GRACE_SECONDS)
    for _ in range(20):  # those that cannot be killed wait for a disk; nothing helps them
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
