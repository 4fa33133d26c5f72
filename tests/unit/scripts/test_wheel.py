"""The wheel that `make dist` builds: what is in it, and that it works in an environment of its own.

The commands run without PYTHONPATH and with nothing of this environment: what they need must have
come from the wheel and its dependencies.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SOURCES = ("caps_hvd", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
# Suffixes of files of the package that are no part of it.
LEFT_OUT = (".pyc", ".so")

IMPORT_ALL = """
import importlib, pkgutil, caps_hvd
for module in pkgutil.walk_packages(caps_hvd.__path__, "caps_hvd."):
    if module.name != "caps_hvd.distributed.horovod" and not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
"""
HELP_OF_ALL = """
import click
from caps_hvd.cli.main import cli
def ask(command, words):
    for name, each in getattr(command, "commands", {}).items():
        ask(each, [*words, name])
    try:
        cli.main([*words, "--help"], prog_name="caps-hvd", standalone_mode=False)
    except click.exceptions.Exit as ended:
        assert ended.exit_code == 0, words
ask(cli, [])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, as setuptools builds in the folder of the sources."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed, with which the wheel is built")
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, folder / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", ".", cwd=folder)
    (found,) = (folder / "dist").glob("*.whl")
    return found


def pip(*arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        capture_output=True, text=True, timeout=1000, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_all_files_of_the_package_are_in_it(wheel):
    package = REPOSITORY / "caps_hvd"
    expected = {
        path.relative_to(REPOSITORY).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in LEFT_OUT
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if name.startswith("caps_hvd/")} == expected


def test_its_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(archive.read(name))
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-SA-3.0"
    assert {"cpu", "gpu", "jax", "torch", "distributed", "mpi"} <= set(
        metadata.get_all("Provides-Extra")
    )
    licences = {name.rpartition("/licenses/")[2] for name in archive.namelist() if "lic" in name}
    assert set(metadata.get_all("License-File")) <= licences
    plain = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert not [each for each in plain if each.startswith(("tensorflow", "horovod", "mpi4py"))]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel and its extra `cpu`, and how a command runs there."""
    folder = tmp_path_factory.mktemp("installed")
    reachable = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, "click"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if reachable.returncode:
        pytest.skip(f"pip reaches no package index: {reachable.stderr.strip()[-200:]}")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    constraint = REPOSITORY / "scripts" / "constraints.txt"
    pip("--python", python, "install", "--quiet", "--constraint", constraint, f"{wheel}[cpu]")

    def run(*words, code=0, **variables):
        done = subprocess.run(
            [folder / "venv" / "bin" / words[0], *words[1:]],
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)} | variables,
            cwd=folder, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.slow
@pytest.mark.timeout(1500)
class TestInstalled:
    def test_every_module_can_be_imported(self, installed):
        installed("python", "-c", IMPORT_ALL)

    def test_every_command_has_its_help(self, installed):
        assert "caps-hvd train" in installed("python", "-c", HELP_OF_ALL)

    def test_trains_evaluates_classifies_and_exports(self, installed):
        said = installed(
            "caps-hvd", "train", "--dataset", "digits", "--preset", "small", "--epochs", "1",
            "--run-dir", "run",
        )  # fmt: skip
        assert "make setup" not in said
        found = json.loads(installed("caps-hvd", "evaluate", "run", "--json"))
        assert found["samples"] == 355
        picture = installed("caps-hvd", "reconstruct", "run").splitlines()[-1]
        said = installed("caps-hvd", "classify", "run", picture, "--format", "jsonl")
        assert json.loads(said.splitlines()[0])["image"] == picture
        installed("caps-hvd", "export", "run", "--format", "keras", "--output", "net.keras")
        said = installed("caps-hvd", "export", "run", "--format", "onnx", code=2)
        assert '"caps_hvd[onnx]"' in said

    def test_the_doctor_says_what_works(self, installed):
        said = installed("caps-hvd", "doctor")
        several, verdict = said.splitlines()[-2:]
        assert several.startswith("several ranks cannot train: Horovod is not installed; pip alone")
        assert verdict == "training can work in one process"

    def test_what_is_missing_comes_with_pip(self, installed):
        said = installed("caps-hvd", "train", "--dataset", "digits", code=2, KERAS_BACKEND="torch")
        assert 'python -m pip install "caps_hvd[torch]"`' in said and said.count("\n") == 1
        said = installed("caps-hvd", "launch", "-np", "2", "--", "true", code=2)
        assert "several ranks need Horovod and an MPI" in said and "in a checkout" in said
        assert "in_env" not in said
