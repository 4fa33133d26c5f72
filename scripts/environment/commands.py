"""Programs run by the set-up: quiet, with a log that is kept, and a failure as one line."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from environment import SetupFailure

DISK_FULL = (
    "disk full while {what}: free some space, or set VENV, CAPS_HVD_CACHE or TMPDIR to a larger "
    "disk, and run it again"
)
# What a log says when the cause lies outside of the program that was run, and what to do then.
CAUSES = (
    (r"No space left on device|Errno 28|Disk quota exceeded|Errno 122", DISK_FULL),
    (
        r"DO NOT MATCH THE HASHES",
        "checksum mismatch while {what}: the package index sent another file than the one this "
        "project was tested with; clear pip's cache (pip cache purge) and check the index",
    ),
    (
        r"NewConnectionError|NameResolutionError|Failed to establish a new connection"
        r"|Temporary failure in name resolution|Network is unreachable|ConnectTimeoutError"
        r"|ProxyError|Max retries exceeded|ReadTimeoutError|Connection refused",
        "the package index cannot be reached while {what}: check the network, or name a proxy "
        "(https_proxy) or a local index (PIP_INDEX_URL), and run it again",
    ),
    (
        r"Python\.h: No such file",
        "Python's headers are missing while {what}: install them (Debian: apt-get install "
        "python3-dev)",
    ),
    (
        r"No matching distribution found for (?P<detail>\S+)",
        "the package index has no usable {detail} while {what}: check the index (PIP_INDEX_URL) "
        "and that this is Linux with glibc 2.28 or newer",
    ),
    (
        r"(?:Killed signal terminated program|signal 9|out of memory)",
        "out of memory while {what}: run it again with fewer compilers at once: JOBS=1",
    ),
)

NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "MAKEFLAGS", "MFLAGS")


def output(*command: str | Path) -> str:
    """What a command prints, or an empty text when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def environment(venv: Path, **more: str) -> dict[str, str]:
    """The process environment for programs of `venv`: its programs first, no foreign packages."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        # A module system's PYTHONPATH, a user's `pip --user` or a setting meant for another
        # Horovod must not leak into the environment.
        if name not in NOT_INHERITED and not name.startswith("HOROVOD_")
    }
    return inherited | {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONNOUSERSITE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **more,
    }


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
) -> str:
    """Run a command with its output in `log`.

    Args:
        command: Program and arguments.
        what: What is being done, for the error: "installing the packages".
        log: File for standard output and error together; it is kept when the command fails.
        env: Process environment.
        cwd: Working folder.

    Returns:
        What the command printed.

    Raises:
        SetupFailure: The command failed; the line names the cause where the log shows a known
            one, and the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    header = f"$ {' '.join(map(str, command))}\n"
    with log.open("w", encoding="utf-8", errors="replace") as stream:
        stream.write(header)
        stream.flush()
        status = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            check=False,
        ).returncode
    printed = log.read_text(encoding="utf-8", errors="replace")[len(header) :]
    if status:
        raise SetupFailure(f"{diagnose(printed, what)} (log: {log})")
    return printed


def diagnose(printed: str, what: str) -> str:
    """Turn the output of a failed command into one line."""
    for pattern, advice in CAUSES:
        found = re.search(pattern, printed)
        if found:
            return advice.format(what=what, **found.groupdict())
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        # A compiler's, CMake's, pip's or Python's own form; a build's output is full of the word.
        if re.search(r"(^|: )(fatal )?error: |^CMake Error|^ERROR: |^\w+Error: ", line)
        and "subprocess-exited-with-error" not in line
    ]
    first = (telling or lines[-1:] or ["no output"])[0]
    if first.startswith("CMake Error"):  # the line after it has the message
        first = " ".join(lines[lines.index(first) :][:2])
    return f"{what} failed: {first[:300]}"
