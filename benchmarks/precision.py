"""Seconds of a full training step of the paper's CapsNet in bfloat16 against float32.

    python -m benchmarks.precision

Adam, random images of 28 x 28 x 1. Only a CPU with bfloat16 instructions gains from it.
"""

import argparse

from benchmarks.capsnet_step import build, stepper
from benchmarks.harness import medians, ratio, take_turns, write_record


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=100, help="images per step")
    parser.add_argument("--rounds", type=int, default=11, help="timed steps of each")
    arguments = parser.parse_args()
    seconds = take_turns(
        {name: stepper(build(precision=name), arguments.batch) for name in ("float32", "bfloat16")},
        arguments.rounds,
    )
    figures = {"batch": arguments.batch, "rounds": arguments.rounds}
    figures |= {f"{name}: seconds": value for name, value in medians(seconds).items()}
    figures["bfloat16 / float32"] = ratio(seconds, "bfloat16", "float32")
    write_record("precision", figures)


if __name__ == "__main__":
    main()
