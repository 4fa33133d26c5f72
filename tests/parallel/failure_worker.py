"""Ranks that fail in one way or another, under `run_guarded`."""

import os
import signal
import sys
import time

from caps_hvd.system.backend import import_tensorflow_quietly

import_tensorflow_quietly()

from caps_hvd.distributed import comm, run_guarded  # noqa: E402
from caps_hvd.errors import ConfigError, DataError  # noqa: E402
from tests.parallel.launch import report  # noqa: E402


def main():
    way, failing = sys.argv[1], int(sys.argv[2])
    ranks = comm.init()
    ranks.barrier()
    mine = ranks.rank == failing
    if mine:
        report(failed_at=time.time())
    if way == "everywhere":
        raise ConfigError("batch_size: expected 1 or more, received 0")
    if way == "together":
        with ranks.raise_on_all_ranks():
            if mine:
                raise DataError("truncated file")
    if way == "alone" and mine:
        raise DataError("only here")
    if way == "bug" and mine:
        raise KeyError("a bug")
    if way == "killed" and mine:
        os.kill(os.getpid(), signal.SIGKILL)
    train(ranks)


def train(ranks):
    """Collectives inside a compiled function, for longer than the test waits."""
    import tensorflow as tf

    @tf.function
    def step(value):
        return ranks.allreduce(value, name="HorovodAllreduce_step")

    for _ in range(10**7):
        step(tf.ones([1000]))


code = run_guarded(main)
report(code=code)
sys.exit(code)
