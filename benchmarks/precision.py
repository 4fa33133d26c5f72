"""Seconds of a full training step of the paper's CapsNet in bfloat16 against float32.

    python -m benchmarks.precision

Adam, random images of 28 x 28 x 1. Only a CPU with bfloat16 instructions gains from it.
"""

from benchmarks.capsnet_step import OPTIONS, build, stepper
from benchmarks.harness import arguments, compared, take_turns, write_record


def main():
    options = arguments(__doc__, **OPTIONS)
    steps = {
        name: stepper(build(precision=name), options.batch) for name in ("float32", "bfloat16")
    }
    seconds = take_turns(steps, options.rounds)
    write_record("precision", vars(options) | compared(seconds, "bfloat16 / float32"))


if __name__ == "__main__":
    main()
