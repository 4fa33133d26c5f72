"""What the benchmarks share: taking turns, peaks of memory, records.

Machines are shared and their speed drifts, so everything that is compared takes turns within one
process, and a comparison is the median of the ratios of neighbouring runs.
"""

import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def take_turns(steps, rounds=9, warm_up=2):
    """Times callables in turn: a, b, c, a, b, c, ...

    Args:
        steps: dict from name to a callable that returns only when its work is done.
        rounds: how often each is timed.
        warm_up: how often each is called before, untimed.

    Returns:
        Dict from name to the list of its seconds, one per round.
    """
    seconds = {name: [] for name in steps}
    for turn in range(warm_up + rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds, name, base):
    """The median over the rounds of `name`'s time over `base`'s."""
    pairs = zip(seconds[name], seconds[base], strict=True)
    return statistics.median(one / other for one, other in pairs)


def medians(seconds):
    return {name: statistics.median(values) for name, values in seconds.items()}


def in_child(module, *arguments, environment=None):
    """Runs `python -m module arguments` and returns the JSON of its last line of output."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | (environment or {}),
    )
    return json.loads(done.stdout.splitlines()[-1])


def on_ranks(launcher, ranks, module, *arguments, timeout_seconds=600):
    """Runs `python -m module arguments` on ranks and returns the JSON object that one prints.

    Args:
        launcher: as typed in front of `-np`, for instance "mpirun --bind-to none".
        ranks: how many.
        module: its arguments must make it print one JSON object, on rank 0.
        timeout_seconds: after which the launcher is killed.
    """
    program, *options = shlex.split(launcher)
    program = str(Path(sys.executable).parent / program)
    command = [program, *options, "-np", str(ranks), sys.executable, "-m", module]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        env=os.environ | {"PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    for line in done.stdout.splitlines():
        if "{" in line:  # behind the launcher's own prefix
            return json.loads(line[line.index("{") :])
    raise SystemExit(f"{shlex.join(command)}: no result\n{done.stdout}{done.stderr}")


def peak_mib():
    """This process's highest resident memory so far in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_record(name, figures):
    """Prints figures and keeps them, with the command and the machine, in benchmarks/results/."""
    record = {
        "benchmark": name,
        "command": shlex.join(["python", "-m", f"benchmarks.{name}", *sys.argv[1:]]),
        "machine": {"cpu": cpu_model(), "cores": len(os.sched_getaffinity(0))},
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("tensorflow", "tensorflow-cpu", "keras")},
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    width = max(map(len, figures))
    print(f"{name}: {record['machine']['cores']} cores, {record['machine']['cpu']}")
    for key, value in figures.items():
        print(
            f"  {key:{width}}  {value:.4g}"
            if isinstance(value, float)
            else f"  {key:{width}}  {value}"
        )


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()
