"""This machine's tools, and its settings of network and mirrors for steps in another root.

Nothing of it is written into the repository, and no more than needed into a root: a builder gets
the same from Docker's own settings.
"""

import configparser
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from container import ContainerFailure

# As `docker build` hands them on.
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """Runs a tool of this machine that must succeed; returns what it prints."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = ((done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1]
        raise ContainerFailure(f"{' '.join(map(str, command))} failed: {said}")
    return done.stdout


def environment() -> dict[str, str]:
    """The environment that every step gets from the machine: its proxies."""
    return {name: value for name, value in os.environ.items() if name.lower() in PROXIES}


def debian_sources(suite: str) -> list[tuple[str, str]]:
    """(URI, suite) of this machine's apt sources for a suite of Debian and its updates."""
    wanted = (suite, f"{suite}-updates", f"{suite}-security")
    listed = call(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    )  # fmt: skip
    rows = [line.split() for line in listed.splitlines()]
    found = {(row[0], row[1]) for row in rows if row[1] in wanted and row[2] == "main"}
    if not any(release == suite for _, release in found):
        raise ContainerFailure(
            f"apt's sources name no mirror of Debian {suite}: add one, see sources.list(5)"
        )
    return sorted(found, key=lambda source: (wanted.index(source[1]), source[0]))


def apt_settings() -> str:
    """How this machine's apt fetches: proxies, retries, checks of dates."""
    return call("apt-config", "dump", "Acquire")


def pip_settings(shown_at: str) -> tuple[str, list[tuple[Path, str]]]:
    """This machine's settings of pip for another root.

    Args:
        shown_at: folder in that root where the files and folders that the settings name appear.

    Returns:
        The text of a pip.conf, and what to mount: (path here, path there).
    """
    listed = call(sys.executable, "-m", "pip", "config", "list")
    settings: dict[str, str] = {}
    for line in sorted(listed.splitlines()):  # the environment's first
        name, _, quoted = line.partition("=")
        name = name.replace(":env:.", "global.")
        if re.fullmatch(r"\w+\.[\w-]+", name):
            settings.setdefault(name, "".join(shlex.split(quoted)))
    mounts: list[tuple[Path, str]] = []

    def there(word: str) -> str:
        index = word.startswith("file://")
        path = Path(unquote(urlsplit(word).path) if index else word)
        if not path.is_absolute() or not path.exists():
            return word
        place = f"{shown_at}/{len(mounts)}"
        # An index may name files beside it: its folder's folder is shown.
        mounts.append((path.parent if index else path, place))
        return f"file://{place}/{path.name}" if index else place

    file, text = configparser.RawConfigParser(), io.StringIO()
    for name, value in sorted(settings.items()):
        section, _, key = name.partition(".")
        file.read_dict({section: {key: " ".join(map(there, value.split()))}})
    file.write(text)
    return text.getvalue(), mounts
