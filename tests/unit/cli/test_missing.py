"""The command line where the environment is missing: one line and exit code 2."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from caps_hvd.cli import missing

REPOSITORY = Path(__file__).resolve().parents[3]
READ_BY_OLD_PYTHONS = (
    "cli/__init__.py", "cli/missing.py", "train.py", "__init__.py", "system/__init__.py",
    "system/installation.py",
)  # fmt: skip
SAYS = "run `make setup` once, then `. .venv/bin/activate`, or put `scripts/in_env` before the co"


@pytest.mark.parametrize("module", ["caps_hvd.train", "caps_hvd.cli"])
def test_a_python_without_packages(module):
    command = [sys.executable, "-S", "-E", "-m", module, "--help"]  # -S: without site-packages
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("caps_hvd: error: ") and done.stderr.count("\n") == 1
    assert "is not installed for" in done.stderr and SAYS in done.stderr


def test_a_package_that_only_some_commands_need():
    code = (
        "import sys; sys.modules['numpy'] = None; "
        "from caps_hvd.cli import main; main(['data', 'list'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("caps_hvd: error: numpy is not installed for")
    assert SAYS in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("version", [(3, 6), (3, 10, 13), (3, 14)])
def test_a_python_of_another_version(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    line = missing.explain(None)
    assert line.startswith(f"Python {version[0]}.{version[1]}: expected 3.11, 3.12 or 3.13; run")


@pytest.mark.parametrize(
    "error", [ValueError("x"), ImportError("x", name="json"), ImportError("x", name="caps_hvd.x")]
)
def test_a_bug_stays_one(error):
    assert missing.explain(error) == ""


@pytest.mark.parametrize("name", READ_BY_OLD_PYTHONS)
def test_old_pythons_can_read_what_they_come_to(name):
    ast.parse((REPOSITORY / "caps_hvd" / name).read_text(), feature_version=(3, 6))


def test_versions_are_those_of_the_package():
    import setup_env

    assert (missing.OLDEST, missing.NEWEST) == (setup_env.OLDEST, setup_env.NEWEST)
