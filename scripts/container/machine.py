"""What this machine knows about its network and mirrors, for steps that run in another root.

Nothing of it is written into the repository, and no more than needed into a root: a builder gets
the same from Docker's own settings.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from container.failure import ContainerFailure

# As `docker build` hands them on.
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


def output(*command: str) -> str:
    """What a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ContainerFailure(f"{' '.join(command[:2])} failed: {said}")
    return done.stdout


def environment() -> dict[str, str]:
    """The environment that every step gets from the machine: its proxies."""
    return {name: value for name, value in os.environ.items() if name.lower() in PROXIES}


def debian_sources(suite: str) -> list[tuple[str, str]]:
    """(URI, suite) of this machine's apt sources for a suite of Debian and its updates."""
    wanted = (suite, f"{suite}-updates", f"{suite}-security")
    listed = output(
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
    return output("apt-config", "dump", "Acquire")


def pip_settings(shown_at: str) -> tuple[str, list[tuple[Path, str]]]:
    """This machine's settings of pip for another root.

    Args:
        shown_at: folder in that root where the files and folders that the settings name appear.

    Returns:
        The text of a pip.conf, and what to mount: (path here, path there).
    """
    listed = output(sys.executable, "-m", "pip", "config", "list")
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, quoted = line.partition("=")
        value = "".join(shlex.split(quoted))
        if name.startswith(":env:."):
            settings[f"global.{name.removeprefix(':env:.')}"] = value
        elif re.fullmatch(r"\w+\.[\w-]+", name):
            settings.setdefault(name, value)
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

    lines = []
    for name, value in sorted(settings.items()):
        section, _, key = name.partition(".")
        lines.append(f"[{section}]\n{key} = {' '.join(map(there, value.split()))}\n")
    return merged(lines), mounts


def merged(blocks: list[str]) -> str:
    """Blocks of one setting each, with every section's header once."""
    text, before = "", ""
    for block in blocks:
        header, _, rest = block.partition("\n")
        text += rest if header == before else block
        before = header
    return text
