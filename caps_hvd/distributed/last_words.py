"""The last words of a program that is told to end by Ctrl-C or SIGTERM."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable


@contextlib.contextmanager
def last_words(words: Callable[[str], str | None]):
    """Says something, while the body runs, when the process is told to end.

    Ctrl-C stays a KeyboardInterrupt. SIGTERM, which launchers and batch systems send, ends the
    process with 143 as soon as the words are said, also where its main thread sits in a collective
    that will never end. A program that handles or ignores SIGTERM itself is left alone.

    Args:
        words: Given the name of what ended the process, such as `SIGTERM`, returns a line for
            standard error, None to say nothing. It must not communicate.

    Example:
        >>> with last_words(lambda by: f"ended by {by}"):
        ...     model.fit(data)
    """
    with _on_sigterm(lambda: _say(words("SIGTERM"))):
        try:
            yield
        except KeyboardInterrupt as error:
            _say(words("Ctrl-C"))
            error.told = True  # for `guard.run_guarded`
            raise


@contextlib.contextmanager
def _on_sigterm(speak: Callable[[], None]):
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    # Python runs handlers in the main thread, which may be waiting inside of TensorFlow. The number
    # of a signal is written into this pipe at once, and another thread reads it.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wait():
        while number := os.read(reading, 1):
            if number[0] == signal.SIGTERM:
                with contextlib.suppress(Exception):
                    speak()
                os._exit(128 + signal.SIGTERM)

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    listener = threading.Thread(target=wait, daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.set_wakeup_fd(before)
        os.close(writing)
        listener.join()
        os.close(reading)


def _say(line: str | None) -> None:
    with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it any more
        sys.stdout.flush()
        if line:
            print(line, file=sys.stderr, flush=True)
