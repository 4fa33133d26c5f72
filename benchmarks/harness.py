"""Command lines, timing in turns, child processes, ranks and records of the benchmarks.

Machines are shared and their speed drifts, so everything that is compared takes turns within one
process, and a comparison is the median of the ratios of neighbouring runs.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path

from caps_hvd.system.host import cpu_features, cpu_model

RESULTS = Path(__file__).parent / "results"


def arguments(documentation, **options):
    """Parses the command line of a benchmark.

    Args:
        documentation: of its module; `--help` shows the first line.
        options: name -> (default, help). A default of False is a switch, one of None a text; a
            list takes several values of its elements' type.
    """
    parser = argparse.ArgumentParser(description=documentation.splitlines()[0])
    for name, (default, text) in options.items():
        many = isinstance(default, list)
        if default is False:
            kind = {"action": "store_true"}
        elif many:
            kind = {"type": str if isinstance((*default, "")[0], str) else number, "nargs": "*"}
        else:
            kind = {"type": str if default is None else type(default)}
        parser.add_argument("--" + name.replace("_", "-"), default=default, help=text, **kind)
    return parser.parse_args()


def number(text):
    """The whole number or the decimal fraction that a text is."""
    return int(text) if text.isdecimal() else float(text)


def seconds_of(step):
    """The seconds that a call takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def take_turns(steps, rounds=9, warm_up=2, measure=seconds_of):
    """Times callables in turn: a, b, c, a, b, c, ...

    Args:
        steps: dict from name to a callable that returns only when its work is done.
        rounds: how often each is timed.
        warm_up: how often each is called before, untimed.
        measure: what calls a step and returns its seconds.

    Returns:
        Dict from name to the list of its seconds, one per round.
    """
    found = {name: [] for name in steps}
    for turn in range(warm_up + rounds):
        for name, step in steps.items():
            measured = measure(step)
            if turn >= warm_up:
                found[name].append(measured)
    return found


def take_turns_on_ranks(ranks, steps, rounds):
    """Times steps that ranks take together, in turn; every rank must call it.

    Args:
        ranks: the communicator.
        steps, rounds: as of `take_turns`.

    Returns:
        Dict from name to two medians: the seconds of the slowest rank, and those of this rank's
        cores, waiting in a loop included.
    """

    def measure(step):
        ranks.barrier()
        start = time.process_time()
        seconds = seconds_of(step)
        busy = time.process_time() - start
        return float(ranks.allreduce(seconds, "max")), busy

    found = take_turns(steps, rounds, measure=measure)
    return {
        name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in found.items()
    }


def medians(seconds):
    """Name -> median of its seconds."""
    return {name: statistics.median(values) for name, values in seconds.items()}


def ratio(seconds, name, base):
    """The median over the rounds of `name`'s time over `base`'s."""
    pairs = zip(seconds[name], seconds[base], strict=True)
    return statistics.median(one / other for one, other in pairs)


def compared(seconds, *ratios, unit="seconds"):
    """Figures of what took turns: "NAME: UNIT" for each, and each of `ratios`, "NAME / BASE".

    Args:
        seconds: what `take_turns` returns.
        ratios: names of ratios.
        unit: "seconds" or "ms".
    """
    factor = {"seconds": 1, "ms": 1000}[unit]
    figures = {f"{name}: {unit}": factor * value for name, value in medians(seconds).items()}
    return figures | {name: ratio(seconds, *name.split(" / ")) for name in ratios}


def in_child(function, *given):
    """Returns what a function of a module returns in a new process of its own."""
    spawn = multiprocessing.get_context("spawn")
    # It ends after its one task, even where this process was killed meanwhile.
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        return pool.submit(function, *given).result()


class StepInChild:
    """A step in a process with an environment of its own; calling it takes the step there.

    Args:
        function: of a module, which returns the step: a callable that returns when it is done.
        given: its arguments, which JSON can hold.
        environ: variables to set in the process; None removes one.
    """

    _PROGRAM = """
import importlib, json, sys
module, name, given = json.loads(sys.argv[1])
step = getattr(importlib.import_module(module), name)(**given)
print("ready", flush=True)
for _ in sys.stdin:
    step()
    print("done", flush=True)
"""

    def __init__(self, function, given, environ):
        what = json.dumps([_module_of(function), function.__name__, given])
        whole = os.environ | environ
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._PROGRAM, what],
            env={name: value for name, value in whole.items() if value is not None},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._wait_for("ready")

    def __call__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self._wait_for("done")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()

    def _wait_for(self, word):
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise SystemExit(f"benchmarks: a child ended with {self.process.wait()}")


def _module_of(function):
    """The module's name, also where it is the program."""
    if function.__module__ != "__main__":
        return function.__module__
    return f"benchmarks.{Path(sys.modules['__main__'].__file__).stem}"


def on_ranks(launcher, ranks, module, *given, timeout_seconds=600):
    """Runs `python -m module given` on ranks and returns the JSON object that one prints.

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
        [*command, *map(str, given)],
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


def write_record(name, figures, module=None):
    """Prints figures and keeps them, with the command and the machine, in benchmarks/results/.

    Args:
        name: of the record.
        figures: name -> value.
        module: that has made them. Defaults to None: it has the record's name.
    """
    record = {
        "benchmark": name,
        "command": shlex.join(["python", "-m", f"benchmarks.{module or name}", *sys.argv[1:]]),
        "machine": {
            "cpu": cpu_model(),
            "vectors": "AVX-512" if "avx512f" in cpu_features() else "AVX2 or less",
            "cores": len(os.sched_getaffinity(0)),
        },
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("tensorflow", "tensorflow-cpu", "keras")},
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    print(f"{name}: {record['machine']['cores']} cores, {record['machine']['cpu']}")
    show(figures)


def show(figures):
    """Prints figures as a table."""
    width = max(map(len, figures))
    for key, value in figures.items():
        print(f"  {key:{width}}  {format(value, '.4g') if isinstance(value, float) else value}")


def version(package):
    """The version of an installed package, None without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
