"""Seconds of a full training step of the paper's CapsNet in bfloat16 against float32.

    python -m benchmarks.precision

Adam, random images of 28 x 28 x 1. Only a CPU with bfloat16 instructions gains from it.
"""

from benchmarks.capsnet_step import build, step_of
from benchmarks.harness import arguments, compared, take_turns, write_record
from caps_hvd.config.model import CapsNetOptions
from caps_hvd.system.backend import start_keras


def main():
    options = arguments(__doc__, batch=(100, "images per step"), rounds=(11, "timed steps of each"))
    start_keras()
    steps = {
        name: step_of(build(CapsNetOptions(preset="paper"), precision=name), options.batch)
        for name in ("float32", "bfloat16")
    }
    seconds = take_turns(steps, options.rounds)
    write_record("precision", vars(options) | compared(seconds, "bfloat16 / float32"))


if __name__ == "__main__":
    main()
