"""Trainings of a benchmark that are kept, so that it goes on where it stopped."""

import shlex
import subprocess
import sys
from pathlib import Path

from caps_hvd.launch import supervisor
from caps_hvd.records import record

MPIRUN = (
    str(Path(sys.executable).with_name("mpirun")),
    *("--allow-run-as-root", "--oversubscribe", "--bind-to", "none"),
)


def train(directory, words, ranks=1):
    """Trains unless the run directory has its record; prints its accuracy and returns it.

    Args:
        directory: of the run.
        words: options of `python -m caps_hvd.train`, without `--run-dir`.
        ranks: that train. Default 1.

    Raises:
        SystemExit: the training failed; its output is told.
    """
    path = Path(directory, "record.json")
    if not path.exists():
        command = [sys.executable, "-m", "caps_hvd.train", "--resume", "--run-dir", str(directory)]
        command += map(str, words)
        if ranks > 1:
            command = [*MPIRUN, "-np", str(ranks), *command]
        done = subprocess.run(supervisor.command(command), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    found = record.read(path)
    print(f"{Path(directory).name}: {found.result.balanced_accuracy:.2%}", flush=True)
    return found
