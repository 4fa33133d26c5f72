"""Run a Python worker on several ranks, with a time limit, and leave no process behind.

    job = launch("mpirun", 2, WORKER, "adam")      # or "horovodrun --gloo", "horovodrun --mpi"
    assert job.code == 0, job.text
    job.records[1]["weights"]                      # what rank 1 gave to `report(weights=...)`

Workers report through a file per rank (JSON lines), because launchers mix and prefix the ranks'
output.  A start of TensorFlow costs seconds on a small machine, so one worker makes many checks.
"""

import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCHERS = ("mpirun", "horovodrun --mpi", "horovodrun --gloo")
_REPORT_DIR = "CAPS_HVD_TEST_REPORT_DIR"
_JOB = "CAPS_HVD_TEST_JOB"


@dataclasses.dataclass(frozen=True)
class Job:
    """A job that has ended.

    Attributes:
        code: The launcher's exit code.
        text: Standard output and error of the launcher and all ranks.
        records: Per rank, what it reported.
        seconds: Wall time.
    """

    code: int
    text: str
    records: list[dict]
    seconds: float


class JobTimeout(AssertionError):
    """The job ran past its limit and was killed."""


def report(**values) -> None:
    """In a worker: add to this rank's record.  Values must be JSON; arrays are made lists."""
    from caps_hvd.distributed.environment import launched_rank

    line = json.dumps(values, default=lambda value: value.tolist())
    with open(Path(os.environ[_REPORT_DIR]) / f"{launched_rank()}.jsonl", "a") as file:
        file.write(line + "\n")


def launch(
    launcher: str,
    ranks: int,
    script: str | Path,
    *arguments: str,
    seconds: float = 120,
    environ: dict[str, str] | None = None,
) -> Job:
    """Run `python script arguments...` on local ranks and wait for the end.

    Raises:
        JobTimeout: it took longer than `seconds`; everything was killed.
        AssertionError: a process of the job was left after its end (and is killed now).
    """
    binaries = Path(sys.executable).parent
    command = {
        # Not bound: with two cores and four ranks Open MPI would refuse to bind.
        "mpirun": [binaries / "mpirun", "--bind-to", "none", "--oversubscribe"],
        "horovodrun --mpi": [binaries / "horovodrun", "--mpi", "--disable-cache"],
        "horovodrun --gloo": [binaries / "horovodrun", "--gloo", "--disable-cache"],
    }[launcher] + ["-np", ranks]
    if launcher == "horovodrun --mpi":
        command += ["--mpi-args=--oversubscribe --bind-to none"]
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as reports:
        search_path = [
            str(REPOSITORY),
            str(Path(__file__).parent),
            os.environ.get("PYTHONPATH", ""),
        ]
        env = {
            **os.environ,
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": "1",
            _REPORT_DIR: reports,
            _JOB: mark,
            **(environ or {}),
        }
        command += [sys.executable, script, *arguments]
        start = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(process, mark)
            output, _ = process.communicate()
            text = output.decode(errors="replace")
            raise JobTimeout(f"{launcher} -np {ranks}: over {seconds} s\n{text}") from None
        except BaseException:
            _kill(process, mark)
            raise
        elapsed = time.monotonic() - start
        text = output.decode(errors="replace")
        left = _left_behind(mark, patience_seconds=5.0)
        if left:
            _kill(process, mark)
            raise AssertionError(f"{launcher} -np {ranks}: left behind {left}\n{text}")
        records = [_read_record(Path(reports) / f"{rank}.jsonl") for rank in range(ranks)]
    return Job(process.returncode, text, records, elapsed)


def _end_with_parent():
    """In the launcher: end when the tests are killed, and so end the ranks."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def _read_record(path):
    record = {}
    if path.exists():
        for line in path.read_text().splitlines():
            values = json.loads(line)
            assert not record.keys() & values.keys(), f"reported twice: {record.keys() & values}"
            record.update(values)
    return record


def _left_behind(mark, patience_seconds):
    """Processes that still carry the job's mark in their environment, after a short wait."""
    deadline = time.monotonic() + patience_seconds
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _marked(mark):
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{_JOB}={mark}".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "comm").read_text().strip()
        except OSError:  # it has just ended, or is not ours
            continue
    return found


def _kill(process, mark):
    """End the launcher's group, and ranks that have a session of their own (horovodrun's do)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in _marked(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
