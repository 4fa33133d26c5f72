"""CUDA's compiler and NCCL for HOROVOD_GPU=1, from the site or from PyPI.

TensorFlow's wheel runs on CUDA 12 from PyPI, NCCL included, but PyPI has no compiler of CUDA 12.
Horovod needs one for a single file of kernels and links CUDA's run time statically, so any toolkit
will do whose run time the driver supports: the site's by preference, else the CUDA 13 of PyPI.
"""

import os
import shutil
from pathlib import Path

from environment.commands import output
from environment.options import Options

PYPI_TOOLKIT = (
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85",
)


def site_toolkit() -> Path | None:
    """The CUDA toolkit of this machine: CUDA_HOME, the one of nvcc on PATH, /usr/local/cuda."""
    on_path = shutil.which("nvcc")
    candidates = (
        os.environ.get("CUDA_HOME"),
        on_path and Path(on_path).resolve().parents[1],
        "/usr/local/cuda",
    )
    homes = (Path(candidate) for candidate in candidates if candidate)
    return next((home for home in homes if (home / "bin" / "nvcc").exists()), None)


def toolkit_facts() -> str:
    """What identifies the toolkit in the key of a built wheel."""
    site = site_toolkit()
    if site is None:
        return " ".join(PYPI_TOOLKIT)
    return f"{site} {output(site / 'bin' / 'nvcc', '--version').splitlines()[-1:]}"


def build_settings(options: Options, nvidia: Path, work: Path) -> dict[str, str]:
    """Variables for Horovod's build that only matter while it runs: where things lie.

    Args:
        options: Settings of the set-up.
        nvidia: Folder of NVIDIA's packages in the environment.
        work: Folder to write to, gone after the build.
    """
    # NCCL's package has libnccl.so.2, but no libnccl.so to link with.
    link = work / "nccl"
    link.mkdir()
    (link / "libnccl.so").symlink_to(nvidia / "nccl" / "lib" / "libnccl.so.2")
    home = site_toolkit() or pypi_toolkit(options, work / "cuda")
    return {
        "HOROVOD_CUDA_HOME": str(home),
        "HOROVOD_NCCL_INCLUDE": str(nvidia / "nccl" / "include"),
        "HOROVOD_NCCL_LIB": str(link),
        "PATH": f"{options.venv / 'bin'}{os.pathsep}{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def pypi_toolkit(options: Options, folder: Path) -> Path:
    """Unpack CUDA's compiler from PyPI for one build."""
    pip_install = ("install", "--no-deps", "--target", folder, *PYPI_TOOLKIT)
    options.pip(*pip_install, what="downloading CUDA's compiler", log="cuda")
    home = folder / "nvidia" / "cu13"
    (home / "lib64").symlink_to("lib")  # where nvcc tells the linker to look
    (home / "lib" / "libcudart.so").symlink_to("libcudart.so.13")  # what CMake looks for
    return home
