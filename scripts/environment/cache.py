"""Cache of built wheels, each under a key of everything that it depends on.

A wheel is built once per key, also when several set-ups ask for it at once (a lock), and appears
under its final name only when it is complete (a rename).  Where the file system has no locks, two
builders waste time but do no harm.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from environment import SetupFailure


def key_of(facts: dict) -> str:
    """A short name for a set of facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def sha256_of(file: Path) -> str:
    """The SHA-256 checksum of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def make_folder(folder: Path, setting: str) -> None:
    """Create a folder; where that is not allowed, say which setting moves it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise SetupFailure(f"cannot write to {folder}: set {setting} to a folder of yours")


@contextlib.contextmanager
def locked(file: Path, waiting: str) -> Iterator[bool]:
    """Hold `file` as a lock; say `waiting` when another process has it; yield if it is held."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as stream:
        held = True
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError:  # a network file system without locks
            held = False
        yield held


def find_wheel(folder: Path) -> Path | None:
    """The wheel in a cache folder if it is there and has the checksum that it was stored with."""
    record = folder / "build.json"
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        wheel = folder / stored["wheel"]
        return wheel if sha256_of(wheel) == stored["sha256"] else None
    except (OSError, ValueError, KeyError):
        return None


def cached_wheel(
    cache: Path, name: str, facts: dict, build: Callable[[Path], Path]
) -> tuple[Path, str]:
    """Return the wheel of `name` for these facts, building it where there is none.

    Args:
        cache: Folder of the cache.
        name: Folder in it, one per package.
        facts: All that the wheel depends on, ready for JSON; also kept beside it for people.
        build: Builds in the empty folder that it is given and returns the wheel in it.

    Returns:
        The wheel, and "built" or "from the cache".
    """
    final = cache / name / key_of(facts)
    if wheel := find_wheel(final):
        return wheel, "from the cache"
    waiting = f"      another set-up is building the same {name}: waiting for it"
    with locked(final.with_suffix(".lock"), waiting) as held:
        if wheel := find_wheel(final):
            return wheel, "from the cache"
        if held:  # what a killed builder left
            for stale in final.parent.glob(f".{final.name}-*"):
                shutil.rmtree(stale, ignore_errors=True)
        work = final.parent / f".{final.name}-{os.getpid()}"
        try:
            work.mkdir()
            store(build(work), facts, work / "store", final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    if wheel := find_wheel(final):
        return wheel, "built"
    raise SetupFailure(f"the wheel in {final} is damaged: delete this folder and try again")


def store(wheel: Path, facts: dict, prepared: Path, final: Path) -> None:
    """Put a wheel and its facts under their final name in one step."""
    prepared.mkdir()
    kept = shutil.move(wheel, prepared / wheel.name)
    record = {"wheel": wheel.name, "sha256": sha256_of(Path(kept)), "facts": facts}
    (prepared / "build.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if final.exists():  # a damaged one, or that of a builder that ran without locks
        shutil.rmtree(final, ignore_errors=True)
    with contextlib.suppress(OSError):  # another builder was faster: its wheel is as good
        prepared.rename(final)
