"""Atomic writing of files: one appears under its name whole or not at all."""

import contextlib
import os
import uuid
from pathlib import Path

from caps_hvd.errors import CapsHvdError, RunError

_PARTIAL = ".partial-"


@contextlib.contextmanager
def replacing(path, failure: type[CapsHvdError] = RunError):
    """Gives a temporary path beside `path`; what is written there takes its place at the end.

    The file is on the disk before it gets its name, and its name is on the disk when the block is
    left, so that neither a full disk, a signal nor a power cut leaves half a file under `path`.

    Args:
        path: the final name.
        failure: what to raise where the file cannot be written; the old one is still there.

    Raises:
        RunError, or what `failure` says: the file cannot be written.

    Example:
        >>> with replacing("runs/a/record.json") as partial:
        ...     partial.write_text("{}")
    """
    path = Path(path)
    partial = path.with_name(f"{_PARTIAL}{uuid.uuid4().hex}.{path.name}")
    try:
        try:
            yield partial
            _flush(partial)
            os.replace(partial, path)
            _flush(path.parent)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # h5py reports a failing write as either
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise failure(
            f"cannot write {path}: {reason}; make room or choose another folder"
        ) from error


def write_text(path, text: str) -> None:
    """Writes a text file, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def reserve(path, size_bytes: int) -> None:
    """Makes sure that a file of this size fits, for writers that cope badly with a full disk."""
    if size_bytes > 0:
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)


def remove_partial(folder) -> None:
    """Removes what writers that were killed have left in a folder."""
    for partial in Path(folder).glob(f"{_PARTIAL}*"):
        partial.unlink(missing_ok=True)


def _flush(path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
