"""The whole calibration of the scale model on this machine, in one command.

    python -m benchmarks.calibration --output calibration.json -- --dataset mnist --threads 1

One rank alone, then 2 and 4 at once; what stands behind `--` are options of `caps-hvd calibrate`.
Nothing else should run beside it: a busy machine is measured as a slow one.
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, help="JSON file to write")
    parser.add_argument("--ranks", type=int, nargs="*", default=[2, 4], help="at once")
    parser.add_argument("options", nargs="*", help="of `caps-hvd calibrate`")
    arguments = parser.parse_args()
    options = ["--output", arguments.output, *arguments.options]
    if "--threads" not in options:
        # All runs must have the same; ranks that share the cores would take fewer each.
        options += ["--threads", str(len(os.sched_getaffinity(0)))]
    Path(arguments.output).unlink(missing_ok=True)
    program = [sys.executable, "-m", "caps_hvd.cli", "calibrate", *options]
    mpirun = str(Path(sys.executable).parent / "mpirun")
    run(program)
    for ranks in arguments.ranks:
        run([mpirun, "--oversubscribe", "--bind-to", "none", "-np", str(ranks), *program])


def run(command):
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    print(shlex.join(["caps-hvd", *command[command.index("calibrate") :]]), flush=True)
    ended = subprocess.run(command, env=os.environ | root, timeout=900)
    if ended.returncode:
        raise SystemExit(ended.returncode)


if __name__ == "__main__":
    main()
