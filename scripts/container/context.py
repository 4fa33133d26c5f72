"""The build context: the repository's files that .dockerignore lets through."""

import hashlib
import os
import re
import shutil
from pathlib import Path

from container import ContainerFailure


class Context:
    """The files below a folder, as a builder would be sent them.

    Args:
        folder: holds the files and, perhaps, a .dockerignore.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        listed = folder / ".dockerignore"
        self.rules = parse_ignore(listed.read_text()) if listed.exists() else []

    def files(self, source: str) -> list[Path]:
        """The files of a COPY source, relative to the context, in order.

        Raises:
            ContainerFailure: there is none: a typo, or .dockerignore keeps it out.
        """
        named = self.folder / source
        found = [named] if named.is_file() else named.rglob("*")
        relative = (path.relative_to(self.folder) for path in found if path.is_file())
        kept = sorted(path for path in relative if not ignored(path, self.rules))
        if not kept:
            raise ContainerFailure(f"COPY {source}: not in the build context; see .dockerignore")
        return kept

    def digest(self, source: str) -> str:
        """A checksum of names, modes and contents."""
        digest = hashlib.sha256()
        for path in self.files(source):
            whole = self.folder / path
            mode = "x" if os.access(whole, os.X_OK) else "-"
            digest.update(f"\n{path} {mode}\n".encode() + whole.read_bytes())
        return digest.hexdigest()

    def copy(self, source: str, target: Path) -> None:
        """Copies a file to the path `target`, or what is in a folder into it; root owns it."""
        single = (self.folder / source).is_file()
        for path in self.files(source):
            place = target if single else target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / path, place)
            place.chmod(0o755 if os.access(self.folder / path, os.X_OK) else 0o644)


def parse_ignore(text: str) -> list[tuple[bool, re.Pattern]]:
    """The rules of a .dockerignore: (ignored, pattern); the last one that fits decides."""
    rules = []
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            kept = line.startswith("!")
            rules.append((not kept, re.compile(pattern(line.lstrip("!").strip("/")))))
    return rules


def pattern(glob: str) -> str:
    """The regular expression of a pattern, which fits a path or a folder above it."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return "".join(parts.get(word, re.escape(word)) for word in words) + "(?:/.*)?"


def ignored(path: Path, rules: list[tuple[bool, re.Pattern]]) -> bool:
    """Whether the rules keep a path out."""
    decisions = [ignore for ignore, fits in rules if fits.fullmatch(path.as_posix())]
    return bool(decisions and decisions[-1])
