"""The display of the set-up's steps: which one, for how long, and how long it usually takes."""

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

# Seconds of a step on 2 cores with a fast network and nothing in a cache, measured.
USUAL_SECONDS = {
    "TensorFlow, build tools": 40,
    "Horovod": 130,
    "mpi4py for this MPI": 60,
    "caps_hvd, other packages": 30,
}
FIRST_LOG_SECONDS, LOG_SECONDS = 10, 60


class Steps:
    """The steps of a set-up.

    A terminal has one line for each, whose seconds go on; a log has a line now and then while one
    goes on, and one for its end.

    Args:
        count: how many there will be.
        jobs: compilers at once, by which the usual time of Horovod's build is scaled.
        stream: where to write. Default: standard output.
    """

    def __init__(self, count: int, jobs: int = 2, stream: TextIO | None = None):
        self.stream = stream or sys.stdout
        self._count = count
        self._jobs = jobs
        self._begun = 0

    def run(self, name: str, action: Callable):
        """Carries one step out; it returns (value, remark), or nothing.

        Returns:
            The value.
        """
        self._begun += 1
        head = f"  {self._begun}/{self._count} {name:<26}"
        began = time.monotonic()
        ended = threading.Event()
        telling = threading.Thread(target=self._tell, args=(head, name, began, ended), daemon=True)
        telling.start()
        result = "failed"
        try:
            value, remark = action() or (None, "")
            result = f"{time.monotonic() - began:6.1f} s  {remark}".rstrip()
        finally:
            ended.set()
            telling.join()
            self._write(head + result, "\n")
        return value

    def _tell(self, head, name, began, ended) -> None:
        usual = USUAL_SECONDS.get(name, 0)
        if name == "Horovod":
            usual = usual * 2 // min(self._jobs, 16)
        about = f" of about {usual} s" if usual else ""
        terminal = self.stream.isatty()
        pause = 0.0 if terminal else FIRST_LOG_SECONDS
        while not ended.wait(pause):
            seconds = time.monotonic() - began
            self._write(f"{head}{seconds:4.0f} s{about}", "" if terminal else "\n")
            pause = 1.0 if terminal else LOG_SECONDS - seconds % LOG_SECONDS

    def _write(self, text, end) -> None:
        erase = "\r\x1b[K" if self.stream.isatty() else ""
        print(erase + text, end=end, file=self.stream, flush=True)
