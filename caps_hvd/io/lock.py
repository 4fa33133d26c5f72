"""Lock file that one process holds at a time; the lock ends with its holder."""

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator

from caps_hvd.errors import CapsHvdError

# What a file system says that has no locks, as Lustre without the mount option `flock`.
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
_SOMEBODY = "another process"


@contextlib.contextmanager
def held(path, in_use: Callable[[str], CapsHvdError]) -> Iterator[None]:
    """Keeps every other process out while the block runs.

    The lock is the kernel's (`flock`): it ends with its holder, also with one that is killed, so
    nobody is refused by the dead. Over NFS the server holds it for a host that is gone: NFSv4 until
    that host's lease has run out, after about 90 s; NFSv3, whose `lockd` knows no lease, until the
    host is up again, or an administrator clears it. A file system without locks keeps nobody out.

    Args:
        path: of a file to lock, in a folder that exists; it stays, and says who was the last.
        in_use: who holds the lock, in words -> the error to raise.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> with held("runs/a/lock", lambda owner: RunError(f"runs/a is in use by {owner}")):
        ...     train()
    """
    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise in_use(file.read().strip() or _SOMEBODY) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def holder(path) -> str | None:
    """Who holds a lock now, in words; None where nobody does. Writes nothing.

    To find out, the lock is taken for an instant, together with whoever else asks.

    Args:
        path: of the file; where there is none nobody holds it.

    Raises:
        OSError: the file cannot be read, or its file system has no locks.
    """
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or _SOMEBODY
    return None
