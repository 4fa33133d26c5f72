"""The journal of a search: Optuna's file of operations, opened so that what is wrong is said.

Any number of processes, also on other machines, append to it under a lock that works over NFS.
"""

import json
import os
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from caps_hvd.errors import RunError

JOURNAL = "journal.log"

_STUDY = "search"
_EXPECTED = "expected an operation of Optuna as one line of JSON"
# What Optuna raises while it plays a journal that it has not written.
_UNPLAYABLE = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)


def open_study(path, sampler=None, pruner=None) -> optuna.Study:
    """The study in a journal, which is made where there is none.

    What a process that was killed while it wrote has left, a last line without an end, is taken
    away: nobody has acted on it, and the next line would be glued to it.

    Args:
        path: of the journal.
        sampler, pruner: of Optuna.

    Raises:
        RunError: the journal cannot be read or written, or is damaged; the message names the line.
    """
    path = Path(path)
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what there is to say, we say
    try:
        _drop_unfinished_line(path)
        _check_lines(path)
        backend = _Backend(path)
    except OSError as error:
        raise RunError(f"{path}: cannot use the journal: {error.strerror}") from None
    try:
        return optuna.create_study(
            storage=JournalStorage(backend),
            study_name=_STUDY,
            direction="maximize",
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )
    except _UNPLAYABLE as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise _damaged(path, backend.line, f"which Optuna refuses ({reason})") from None


def read_study(folder) -> optuna.Study:
    """The study of a search that was begun.

    Raises:
        RunError: there is none, or its journal is damaged.
    """
    path = Path(folder, JOURNAL)
    if not path.is_file():
        raise RunError(
            f"{folder}: expected the folder of a search, but it has no {JOURNAL}; name one that "
            "`caps-hvd lanes search` has begun"
        )
    return open_study(path)


class _Backend(JournalFileBackend):
    """Optuna's file, with the number of the line that was read last."""

    line = 0

    def __init__(self, path):
        super().__init__(str(path))
        self._path = path

    def append_logs(self, logs):
        _drop_unfinished_line(self._path)  # of a process that was killed meanwhile
        super().append_logs(logs)

    def read_logs(self, log_number_from):
        for number, log in enumerate(super().read_logs(log_number_from), log_number_from + 1):
            self.line = number
            yield log


def _drop_unfinished_line(path) -> None:
    if not path.exists() or _ends_whole(path):
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()  # whoever else writes has ended its line when it lets go
    try:
        if not _ends_whole(path):
            text = path.read_bytes()
            os.truncate(path, text.rfind(b"\n") + 1)
    finally:
        lock.release()


def _ends_whole(path) -> bool:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _check_lines(path) -> None:
    """Refuses what is no operation; Optuna would say so without the number of the line."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):  # another process is writing it
                return
            try:
                operation = json.loads(line)
                whole = isinstance(operation, dict) and {"op_code", "worker_id"} <= set(operation)
            except ValueError:
                whole = False
            if not whole:
                raise _damaged(path, number, repr(line[:60].decode(errors="replace").strip()))


def _damaged(path, number, received) -> RunError:
    return RunError(
        f"{path}: line {number}: the journal is damaged: {_EXPECTED}, received {received}; put a "
        "copy of the file in its place, or begin anew in another folder (--output)"
    )
