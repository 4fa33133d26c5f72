"""Settings of the set-up, read from environment variables, and programs run with them."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from environment import SetupFailure
from environment.commands import environment, run

REPOSITORY = Path(__file__).resolve().parents[2]
CONSTRAINTS = REPOSITORY / "scripts" / "constraints.txt"


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
        newest: Install the newest releases of all packages instead of the tested ones, beyond the
            ranges of pyproject.toml too (NEWEST=1).
    """

    venv: Path
    cache: Path
    mpi: str = "pypi"
    gpu: bool = False
    extras: tuple[str, ...] = ("test", "jax")
    jobs: int = 1
    newest: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Options":
        """Read the settings; an unknown value is a `SetupFailure` that lists the valid ones."""

        def choice(name: str, *valid: str) -> str:
            value = environ.get(name) or valid[0]
            if value not in valid:
                raise SetupFailure(f"{name}: expected {' or '.join(valid)}, received {value}")
            return value

        jobs = environ.get("JOBS") or str(len(os.sched_getaffinity(0)))
        if not jobs.isdecimal() or int(jobs) < 1:
            raise SetupFailure(
                f"JOBS: expected a whole number of compilers from 1, received {jobs}"
            )
        extras = environ.get("EXTRAS", "test,jax")
        home = environ.get("HOME") or tempfile.gettempdir()
        cache = environ.get("CAPS_HVD_CACHE") or os.path.join(home, ".cache", "caps_hvd")
        return cls(
            venv=Path(environ.get("VENV") or REPOSITORY / ".venv").absolute(),
            cache=Path(cache).expanduser().absolute(),
            mpi=choice("MPI", "pypi", "system"),
            gpu=choice("HOROVOD_GPU", "0", "1") == "1",
            extras=tuple(sorted(filter(None, (name.strip() for name in extras.split(","))))),
            jobs=int(jobs),
            newest=choice("NEWEST", "0", "1") == "1",
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

    def run(self, command: Sequence[str | Path], *, what: str, log: str, **variables: str) -> str:
        """Runs a command in the environment, from the repository; returns what it prints.

        Args:
            command: Program and arguments.
            what: What is being done, for the error: "installing the packages".
            log: Name of the log in the cache.
            variables: Environment variables beside the inherited ones.

        Raises:
            SetupFailure: The command failed.
        """
        return run(
            command,
            what=what,
            log=self.cache / "logs" / f"{log}.log",
            env=environment(self.venv, **variables),
            cwd=REPOSITORY,
        )

    def pip(self, *arguments: str | Path, what: str, log: str, **variables: str) -> str:
        """Runs the environment's pip; see `run`."""
        command = [self.python, "-m", "pip", *arguments]
        return self.run(command, what=what, log=log, **variables)

    def identity(self) -> dict:
        """The settings that decide what is inside the environment, ready for JSON."""
        chosen = asdict(self)
        for where in ("venv", "cache", "jobs"):
            del chosen[where]
        return chosen | {"extras": list(self.extras)}
