"""A program that is told to end says its last words."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.distributed.last_words import last_words

PROGRAM = """
import sys, threading
from caps_hvd.distributed.guard import run_guarded
from caps_hvd.distributed.last_words import last_words

def main():
    lock = threading.Lock()
    lock.acquire()
    with last_words(lambda by: f"ended by {by}"):
        print("ready", flush=True)
        lock.acquire(timeout=60)

sys.exit(run_guarded(main))
"""


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGTERM, 143, "ended by SIGTERM\n"), (signal.SIGINT, 130, "ended by Ctrl-C\n")],
)
def test_what_is_said_at_the_end(number, code, words):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell starts what runs in the background with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert program.stdout.readline() == "ready\n"
    begin = time.monotonic()
    program.send_signal(number)
    _, said = program.communicate(timeout=50)
    assert (program.returncode, said) == (code, words)
    assert time.monotonic() - begin < 50


def test_handlers_of_the_users_own_stay():
    def handler(number, frame):
        pass

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with last_words(lambda by: None):
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    default = signal.getsignal(signal.SIGTERM)
    with last_words(lambda by: None):
        assert signal.getsignal(signal.SIGTERM) is not default
    assert signal.getsignal(signal.SIGTERM) is default
