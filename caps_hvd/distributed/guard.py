"""Exit handling: one line for errors that are meant for people, and no rank left waiting.

if __name__ == "__main__":
    sys.exit(run_guarded(main))
"""

import contextlib
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from caps_hvd.distributed import comm
from caps_hvd.errors import CapsHvdError, ConfigError, DistributedError

# How long a rank that failed waits for the others to fail in the same way.
_FAILURE_SECONDS = 5.0
# How long a rank waits for rank 0 to say what both of them know. Who ends first, ends the others:
# horovodrun kills them. Under load rank 0 may be seconds behind.
_SPEAKER_SECONDS = 15.0
# Between the words of a rank and those of the next one, where nobody knows which ranks are left:
# the first that ends makes the launcher end the others.
_TURN_SECONDS = 0.5
_LAST_TURN = 20

# Horovod's words for a rank that ended, or that cannot be reached any more.
_GONE = re.compile(
    "has been shut down|Connection closed|Connection reset|Broken pipe|[Tt]imed out|Read error|"
    "Write error|Socket closed"
)
_INTERRUPTED = 130  # the shell's code for Ctrl-C


def run_guarded(main: Callable[[], int | None]) -> int:
    """Runs `main` so that its end, whatever it is, is the end on every rank.

    | what happens | what is printed | ranks end with |
    |---|---|---|
    | `main` returns | nothing | what it returns (None: 0) |
    | a `CapsHvdError` on all ranks | rank 0: `caps_hvd: error: ...` | its `exit_code` (2) |
    | a `CapsHvdError` on some ranks | those: the line, with their rank | 2; the job is ended |
    | Ctrl-C, of which `last_words` has not told | rank 0: a line that says so | 130 |
    | another rank is gone | the lowest that is left: a line that says so | 2 |
    | any other exception, a bug | that rank: its traceback | 1; the job is ended |

    No rank ends before the one that speaks has spoken, as the end of one is the end of all.

    An error is known to be on all ranks if `Communicator.raise_on_all_ranks` raised it, or if all
    ranks come here within five seconds. Where only some ranks failed, the others sit in a
    collective and cannot be told; ending this process in the right way makes the launcher, or the
    closed connections, end them.

    Returns:
        The exit code, for `sys.exit`. Where the job must be ended the process ends here.
    """
    try:
        return main() or 0
    except CapsHvdError as error:
        return _end_with(error)
    except KeyboardInterrupt as error:
        if comm.launched_rank() == 0 and not getattr(error, "told", False):
            print("caps_hvd: ended by Ctrl-C", file=sys.stderr)
        _abort(_INTERRUPTED)
    except Exception as error:
        if peer_is_gone(error):
            return _end_without_peer()
        traceback.print_exc()
        if comm.initialized() is None:
            return 1
        _abort(1)


def peer_is_gone(error: BaseException) -> bool:
    """Whether an exception is Horovod's word that another rank has ended or cannot be reached."""
    text = str(error)
    return "Horovod" in text and _GONE.search(text) is not None


def _end_without_peer() -> int:
    """The end of a rank that is left: rank 0 speaks at once, the others in turn if it is gone."""
    error = DistributedError(
        "another rank ended or cannot be reached, so training cannot go on; look for that rank's "
        "message above and start again from the last checkpoint; without a message, see that all "
        "ranks have the same callbacks and as many epochs and batches"
    )
    communicator = comm.initialized()
    rank = comm.launched_rank() if communicator is None else communicator.rank
    time.sleep(min(2 * rank, _LAST_TURN) * _TURN_SECONDS)
    _print_line(error, rank)
    _flush()
    if communicator is not None:
        communicator.shutdown()
    return error.exit_code


def _end_with(error):
    communicator = comm.initialized()
    if communicator is None:
        # Before the ranks are connected: every rank sees the same arguments, so rank 0 speaks for
        # all; what else went wrong (a file, a device) may be this rank's alone.
        rank = comm.launched_rank()
        if rank and isinstance(error, ConfigError):
            time.sleep(_SPEAKER_SECONDS)
            if getattr(error, "on_all_ranks", False):
                return error.exit_code  # srun ends nobody with rank 0, which has said it
            # Still here: rank 0 has no such error.
        _print_line(error, rank)
        return error.exit_code
    if getattr(error, "on_all_ranks", False) or communicator.barrier(_FAILURE_SECONDS):
        if communicator.rank == 0:
            _print_line(error, 0)
        if not communicator.barrier(_SPEAKER_SECONDS) and communicator.rank:
            _print_line(error, communicator.rank)  # rank 0 is gone
        _flush()
        communicator.shutdown()
        return error.exit_code
    _print_line(error, communicator.rank)
    _abort(error.exit_code)


def _print_line(error, rank):
    where = "" if rank == 0 else f"rank {rank}: "
    print(f"caps_hvd: error: {where}{error}", file=sys.stderr, flush=True)


def _abort(exit_code) -> NoReturn:
    _flush()
    communicator = comm.initialized()
    if communicator is not None:
        communicator.abort(exit_code)
    os._exit(exit_code)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it any more
            stream.flush()
