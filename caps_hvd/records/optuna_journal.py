"""The journal of a search: Optuna's file of operations, with errors that name the damaged line.

Any number of processes, also on other machines, append to it under a lock that works over NFS.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from caps_hvd.errors import RunError
from caps_hvd.records import optuna_lock

JOURNAL = "journal.log"

_STUDY = "search"
# What Optuna raises while it plays a journal that it has not written.
_UNPLAYABLE = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)


def open_study(path, sampler=None, pruner=None) -> optuna.Study:
    """Returns the study in a journal, which is made where there is none.

    What a process that was killed while it wrote has left, a last line without an end, is taken
    away by whoever writes next: nobody has acted on it, and the next line would be glued to it.

    Args:
        path: of the journal.
        sampler, pruner: of Optuna.

    Raises:
        RunError: the journal cannot be read or written, or is damaged; the message names the line.
    """
    with _opened(Path(path)) as storage:
        return optuna.create_study(
            storage=storage,
            study_name=_STUDY,
            direction="maximize",
            load_if_exists=True,
            sampler=sampler,
            pruner=pruner,
        )


def read_study(folder) -> optuna.Study:
    """Returns the study of a search that was begun; nothing is written.

    Raises:
        RunError: there is none, or its journal is damaged or cannot be read.
    """
    path = Path(folder, JOURNAL)
    if path.is_file():
        with _opened(path) as storage:
            if _STUDY in [study.study_name for study in storage.get_all_studies()]:
                return optuna.load_study(study_name=_STUDY, storage=storage)
    raise RunError(
        f"{folder}: expected the folder of a search, but it has no {JOURNAL}, or an empty one; "
        "name one that `caps-hvd lanes search` has begun"
    )


@contextlib.contextmanager
def _opened(path) -> Iterator[JournalStorage]:
    """A journal as Optuna's storage; what goes wrong in the block is an error of the journal."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what there is to say, we say
    try:
        backend = _Backend(path)
        yield JournalStorage(backend)
    except OSError as error:
        raise _unusable(path, error) from None
    except _UNPLAYABLE as error:
        with open(path, encoding="utf-8", errors="replace") as file:
            line = next(itertools.islice(file, backend.line - 1, None), "").strip()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RunError(
            f"{path}: line {backend.line}: the journal is damaged: expected an operation of Optuna "
            f"as one line of JSON, received {line[:60]!r}, which Optuna refuses ({reason}); put a "
            "copy of the file in its place, or begin anew in another folder (--output)"
        ) from None


class _Backend(JournalFileBackend):
    """Optuna's file, with the number of the line that is read, and without parts of lines."""

    line = 1

    def __init__(self, path):
        super().__init__(str(path))
        self._path = path

    def append_logs(self, logs):
        """Optuna's, under a lock within which the last line is whole, whoever wrote it."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        try:
            with optuna_lock.held(self._path):
                _drop_unfinished_line(self._path)
                with open(self._path, "ab") as file:
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise _unusable(self._path, error) from None

    def read_logs(self, log_number_from):
        self.line = log_number_from + 1
        for log in super().read_logs(log_number_from):
            yield log
            self.line += 1


def _drop_unfinished_line(path) -> None:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
    os.truncate(path, whole)


def _unusable(path, error) -> RunError:
    return RunError(
        f"{path}: cannot use the journal: {error.strerror}; see to it that the folder can be "
        "written, or name another one"
    )
