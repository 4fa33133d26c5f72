"""A lock between processes of many machines: a file that only one of them can have made.

It works over NFS from version 3 on, where the kernel's locks may not; unlike those it does not end
with its holder, and is taken from one that has kept it for too long.
"""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

GRACE_SECONDS = 30  # whoever has a lock keeps it for much less, unless it was killed


@contextlib.contextmanager
def held(path) -> Iterator[None]:
    """Keeps every other process out while the block runs.

    Args:
        path: what is locked; the lock is a file beside it, with `.lock` at its end.

    Raises:
        OSError: the file cannot be made.

    Example:
        >>> with held("searches/a/claim"):
        ...     take_a_candidate()
    """
    lock = _Lock(str(path), GRACE_SECONDS)
    lock.acquire()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):  # taken from us, who were stopped for too long
            lock.release()


class _Lock(JournalFileOpenLock):
    """Optuna's lock, signed: who was stopped for too long does not end its successor's."""

    _token = None

    def acquire(self):
        super().acquire()
        self._token = uuid.uuid4().hex
        Path(self._lock_file).write_text(self._token, encoding="utf-8")
        return True

    def release(self):
        # Before it has the lock, Optuna calls this to take it from whoever has kept it too long.
        if self._token is not None and not self._is_ours():
            raise RuntimeError("the lock is another process's")
        super().release()

    def _is_ours(self) -> bool:
        try:
            return Path(self._lock_file).read_text(encoding="utf-8") == self._token
        except OSError:
            return False
