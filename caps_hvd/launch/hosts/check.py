"""The check of hosts: which can take part and why the others cannot, asked at once through ssh."""

import dataclasses
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from caps_hvd.launch.hosts import probe
from caps_hvd.launch.hosts.hostfile import Host
from caps_hvd.system.installation import elsewhere

# A rank that trains the smallest network takes about this much.
RANK_BYTES = 2**29
# Below it a difference of clocks is of no harm: times of files and of log lines.
CLOCK_SECONDS = 2.0
_AT_ONCE = 64
# A message of ssh -> what that means, and what to do.
_SSH_MESSAGES = (
    ("Could not resolve hostname", "unknown name; correct it or add it to /etc/hosts"),
    ("Connection refused", "no ssh server answers there; start sshd"),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "its ssh key has changed; see `ssh-keygen -R`"),
    ("Host key verification failed", "its ssh key is not known here; log in once by hand"),
    ("Permission denied", "ssh lets nobody in without a password; run ssh-copy-id"),
    ("No route to host", "no route to host: off, or not on this network"),
    ("Network is unreachable", "network unreachable from here"),
    ("timed out", "connection timed out: off, or behind a firewall"),
    ("Connection closed by", "its ssh server closes the connection; see its log"),
    ("Connection reset by", "its ssh server closes the connection; see its log"),
)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back from a host.

    Args:
        facts: those of `probe.facts`, or None.
        failure: why there are none.
        asked, answered: this machine's clock before and after, in seconds since 1970.
    """

    facts: dict | None
    failure: str
    asked: float
    answered: float


@dataclasses.dataclass(frozen=True)
class HostReport:
    """What the check found of a host.

    Args:
        host: the host.
        answer: what came back from it.
        problems: why it cannot take part; empty where it can.
        notes: what would slow it down or surprise somebody.
        interface: the network interface that it was reached through; empty where unknown.
        clock_seconds: how far its clock is ahead of this one, at least; 0: no difference was seen.
    """

    host: Host
    answer: Answer
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    interface: str = ""
    clock_seconds: float = 0.0


def check(
    hosts: Sequence[Host], interface: str | None = None, seconds: float = 30.0
) -> tuple[HostReport, ...]:
    """Asks every host, and compares it with this machine.

    Args:
        hosts: whom to ask.
        interface: network interface that each must have, or None.
        seconds: time for each host, > 0.

    Returns:
        A report on each host, in order.
    """
    here = ask_here()
    with ThreadPoolExecutor(min(len(hosts), _AT_ONCE)) as pool:
        answers = list(pool.map(lambda host: ask(host, seconds), hosts))
    return tuple(
        check_host(host, answer, here.facts or {}, interface)
        for host, answer in zip(hosts, answers, strict=True)
    )


def ask(host: Host, seconds: float) -> Answer:
    """Asks one host within a time limit; this machine without ssh."""
    if is_here(host.name):
        return ask_here(seconds)
    return _run(ssh_command(host.name, seconds), seconds)


def ask_here(seconds: float = 30.0) -> Answer:
    """The facts of this machine, found in the same way as those of the others."""
    environment = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
    return _run(_probe_command(), seconds, environment)


def _probe_command() -> list[str]:
    """The argument list that runs the probe, given on standard input."""
    return [sys.executable, "-I", "-", os.getcwd()]


def ssh_command(name: str, seconds: float) -> list[str]:
    """The argument list that runs the program on its standard input on a host."""
    return [
        "ssh",
        "-xT",
        *("-o", "BatchMode=yes"),
        *("-o", f"ConnectTimeout={max(1, round(seconds / 3))}"),
        *("-o", "LogLevel=ERROR"),
        "--",
        name,
        shlex.join(_probe_command()),
    ]


def is_here(name: str) -> bool:
    """Whether a name is this machine's: one can bind to its address."""
    try:
        address = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)[0][4]
        with socket.socket() as probing:
            probing.bind(address)
    except (OSError, UnicodeError):
        return False
    return True


def check_host(host: Host, answer: Answer, here: dict, interface: str | None = None) -> HostReport:
    """Whether a host can take part.

    Args:
        host: the host.
        answer: what it said.
        here: facts of the machine that will start the ranks.
        interface: network interface that it must have, or None.
    """
    there = answer.facts
    if there is None:
        return HostReport(host, answer, (answer.failure,))
    if "package" in there:
        return HostReport(host, answer, (f"{there['package']}; {elsewhere()}",))
    problems = [*_differences(there, here), *_shortages(host, there, interface)]
    notes = []
    if host.slots > there["cores"]:
        notes.append(f"{host.slots} slots on {there['cores']:g} cores: ranks take turns")
    if not there["folder"]:
        notes.append(f"no folder {os.getcwd()}: ranks start in the home folder")
    clock = clock_difference(answer)
    if abs(clock) >= CLOCK_SECONDS:
        notes.append(f"clock {abs(clock):.0f} s {'ahead' if clock > 0 else 'behind'}: start NTP")
    return HostReport(host, answer, tuple(problems), tuple(notes), _reached(there), clock)


def clock_difference(answer: Answer) -> float:
    """Seconds that a host's clock is ahead, at least; 0 where its time lies within the question.

    Example:
        Asked at 100.0 and answered at 100.4, with a host's time of 103.0: 2.6 at least.
    """
    there = answer.facts["seconds_utc"]
    return min(there - answer.asked, 0.0) + max(there - answer.answered, 0.0)


def common_interfaces(reports: Sequence[HostReport]) -> list[str]:
    """Names of network interfaces that all hosts have which gave facts, sorted."""
    sets = [
        set(report.answer.facts["interfaces"])
        for report in reports
        if "interfaces" in (report.answer.facts or {})
    ]
    return sorted(set.intersection(*sets)) if sets else []


def connecting_interface(reports: Sequence[HostReport]) -> str | None:
    """The interface that all hosts were reached through, where it has one name and all have it."""
    reached = {report.interface for report in reports if report.interface}
    common = common_interfaces(reports)
    if len(reached) == 1:
        return next(iter(reached & set(common)), None)
    return common[0] if not reached and len(common) == 1 else None


def explain(code: int, said: str) -> str:
    """Why ssh, or Python behind it, gave no facts."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if code == 255:
        for words, meaning in _SSH_MESSAGES:
            if words in said:
                return meaning
        return f"ssh: {lines[-1] if lines else 'it failed without a word'}"
    if code in (126, 127):
        return (
            f"no Python under {sys.executable}; share this folder, or {elsewhere()}, "
            "under the same path"
        )
    return f"its Python ends with {code}: {lines[-1] if lines else 'no message'}"


def _run(command, seconds, environment=None) -> Answer:
    source = Path(probe.__file__).read_text(encoding="utf-8")
    asked = time.time()
    try:
        done = subprocess.run(
            command,
            input=source,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=environment,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return Answer(None, f"no answer within {seconds:g} s", asked, time.time())
    except OSError as error:
        return Answer(None, f"{command[0]} cannot be run: {error.strerror}", asked, time.time())
    answered = time.time()
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(probe.MARK):
            return Answer(json.loads(line.removeprefix(probe.MARK)), "", asked, answered)
    return Answer(None, explain(done.returncode, done.stderr), asked, answered)


def _differences(there, here):
    for key, name in (("prefix", "environment"), ("python", "Python")):
        if there[key] != here.get(key):
            yield f"{name} {there[key]}, here {here.get(key)}"
    packages = here.get("packages", {})
    for name, version in there["packages"].items():
        if version != packages.get(name):
            yield f"{name} {version or 'is missing'}, here {packages.get(name) or 'missing'}"
    if there["source"] != here.get("source"):
        yield "other files of caps_hvd than here; copy them there"


def _shortages(host, there, interface):
    needed, free = host.slots * RANK_BYTES, there["free_memory_bytes"]
    if free < needed:
        yield (
            f"{free / 2**30:.1f} GiB of memory free, needed are {needed / 2**30:.1f} for "
            f"slots={host.slots}"
        )
    if interface is not None and interface not in there["interfaces"]:
        others = ", ".join(sorted(there["interfaces"])) or "none"
        yield f"no interface {interface}; it has {others}"


def _reached(facts) -> str:
    found = facts["interfaces"].items()
    return next((name for name, addresses in found if facts["address"] in addresses), "")
