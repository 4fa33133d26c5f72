"""Calibration of the scale model on this machine, with one rank and with several, in one command.

    python -m benchmarks.calibration --output mine.json -- --dataset mnist --batch-size 100
    python -m benchmarks.calibration --output lab15.json --ranks 2 4 6 --emulated-hosts -- ...

One rank alone, then several at once; with `--emulated-hosts` (as root) the all-reduce is that of
two of the hosts of tests/cluster/hosts.py, whose links cost the processor more than a loopback.
What stands behind `--` are options of `caps-hvd calibrate`.  Nothing else should run beside it: a
busy machine is measured as a slow one.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

_SECONDS = 900


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, help="JSON file to write")
    parser.add_argument("--ranks", type=int, nargs="*", default=[2, 4], help="at once")
    parser.add_argument("--emulated-hosts", action="store_true", help="reduce between two of them")
    parser.add_argument("options", nargs="*", help="of `caps-hvd calibrate`")
    arguments = parser.parse_args()
    output = Path(arguments.output)
    options = ["--output", str(output), *arguments.options]
    if "--threads" not in options:
        # All runs must have the same; ranks that share the cores would take fewer each.
        options += ["--threads", str(len(os.sched_getaffinity(0)))]
    output.unlink(missing_ok=True)
    python = [sys.executable, "-m", "caps_hvd.cli"]
    calibrate = [*python, "calibrate", *options]
    launch = [*python, "launch", "--launcher", "mpirun"]

    run("alone", calibrate)
    for ranks in arguments.ranks:
        here = ["-np", str(ranks), "-H", f"localhost:{ranks}", "--", *calibrate]
        run(f"{ranks} ranks at once", [*launch, *here])
    if arguments.emulated_hosts:
        from tests.cluster.hosts import Hosts

        between = ["-np", "2", "-H", "h1:1,h2:1", "--interface", "eth0", "--", *calibrate]
        with Hosts.up(2) as hosts:
            ended = hosts.run("h1", [*launch, *between], timeout=_SECONDS)
        print(f"2 emulated hosts: {ended.stdout}", flush=True)
        sys.exit(ended.returncode)


def run(what, command):
    print(f"{what}: ", end="", flush=True)
    ended = subprocess.run(command, timeout=_SECONDS)
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
