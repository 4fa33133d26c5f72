"""What the person who runs the set-up can choose, read from environment variables."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from environment.failure import SetupFailure

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Options:
    """Settings of one set-up.

    Attributes:
        venv: Folder of the virtual environment (VENV, default `.venv` in the repository).
        cache: Folder of built wheels, sources and logs (CAPS_HVD_CACHE, default
            `~/.cache/caps_hvd`).
        mpi: "pypi" installs Open MPI into the environment; "system" builds against the MPI whose
            `mpicxx` is on PATH (MPI).
        gpu: Build Horovod with NCCL and install TensorFlow for GPUs (HOROVOD_GPU=1).
        extras: Extras of pyproject.toml to install beside the needed ones (EXTRAS, default
            "test,jax").
        jobs: Compilers that run at once while Horovod builds (JOBS, default: usable cores).
    """

    venv: Path
    cache: Path
    mpi: str = "pypi"
    gpu: bool = False
    extras: tuple[str, ...] = ("test", "jax")
    jobs: int = 1

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Options":
        """Read the settings; an unknown value is a `SetupFailure` that lists the valid ones."""
        mpi = environ.get("MPI") or "pypi"
        if mpi not in ("pypi", "system"):
            raise SetupFailure(f"MPI: expected pypi or system, got {mpi}")
        gpu = environ.get("HOROVOD_GPU") or "0"
        if gpu not in ("0", "1"):
            raise SetupFailure(f"HOROVOD_GPU: expected 0 or 1, got {gpu}")
        jobs = environ.get("JOBS") or str(len(os.sched_getaffinity(0)))
        if not jobs.isdecimal() or int(jobs) < 1:
            raise SetupFailure(f"JOBS: expected a whole number of compilers from 1, got {jobs}")
        extras = environ.get("EXTRAS", "test,jax")
        home = environ.get("HOME") or tempfile.gettempdir()
        cache = environ.get("CAPS_HVD_CACHE") or os.path.join(home, ".cache", "caps_hvd")
        return cls(
            venv=Path(environ.get("VENV") or REPOSITORY / ".venv").absolute(),
            cache=Path(cache).expanduser().absolute(),
            mpi=mpi,
            gpu=gpu == "1",
            extras=tuple(sorted(filter(None, (name.strip() for name in extras.split(","))))),
            jobs=int(jobs),
        )

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.venv / "bin" / "python"

    @property
    def all_extras(self) -> list[str]:
        """Extras of pyproject.toml that this set-up installs."""
        needed = ["gpu" if self.gpu else "cpu", "distributed"]
        return needed + (["mpi"] if self.mpi == "pypi" else []) + list(self.extras)

    def identity(self) -> dict:
        """The settings that decide what is inside the environment, ready for JSON."""
        chosen = asdict(self)
        for where in ("venv", "cache", "jobs"):
            del chosen[where]
        return chosen | {"extras": list(self.extras)}
