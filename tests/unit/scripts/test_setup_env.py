"""The set-up program: which machine, which settings, what is up to date, what it says."""

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

import setup_env
from environment import SetupFailure, checks, horovod, main
from environment.options import REPOSITORY, Options

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def options(tmp_path):
    return Options(venv=tmp_path / "venv", cache=tmp_path / "cache")


def programs(folder: Path, *names: str) -> str:
    """A PATH that has only these programs of the machine."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    return str(folder)


def script(folder: Path, name: str, text: str) -> Path:
    """An executable shell script of a name."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


class TestPythonVersion:
    @pytest.mark.parametrize("version", [(3, 11, 7), (3, 12), (3, 13, 0)])
    def test_supported(self, version):
        assert setup_env.unsupported(version) == ""

    @pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10, 13), (3, 14), (4, 0)])
    def test_unsupported_says_what_to_install(self, version):
        reason = setup_env.unsupported(version)
        assert f"Python {version[0]}.{version[1]} cannot be used" in reason
        assert "install" in reason
        assert "\n" not in reason

    def test_prefers_the_tested_python(self):
        there = {"python3.13": "/b/python3.13", "python3.11": "/a/python3.11"}
        assert setup_env.another_python(there.get) == "/a/python3.11"
        assert setup_env.another_python({}.get) is None

    def test_range_is_the_one_of_the_package(self):
        import tomllib

        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
        assert project["requires-python"] == ">=3.11,<3.14"
        assert (setup_env.OLDEST, setup_env.NEWEST) == ((3, 11), (3, 13))

    def test_old_pythons_can_read_the_entry_point(self):
        import ast

        source = (REPOSITORY / "scripts" / "setup_env.py").read_text()
        ast.parse(source, feature_version=(3, 6))
        assert 'f"' not in source  # Python 2 and 3.5 have no f-strings


class TestOptions:
    def test_defaults(self):
        found = Options.from_environment({"HOME": "/home/ann"})
        assert found.venv == REPOSITORY / ".venv"
        assert found.cache == Path("/home/ann/.cache/caps_hvd")
        assert (found.mpi, found.gpu) == ("pypi", False)
        assert found.all_extras == ["cpu", "distributed", "mpi", "jax", "test"]

    def test_everything_set(self):
        found = Options.from_environment(
            {
                "VENV": "/data/env",
                "CAPS_HVD_CACHE": "/data/wheels",
                "MPI": "system",
                "HOROVOD_GPU": "1",
                "EXTRAS": "",
                "JOBS": "3",
            }
        )
        assert found == Options(Path("/data/env"), Path("/data/wheels"), "system", True, (), 3)
        assert found.all_extras == ["gpu", "distributed"]

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [("MPI", "mpich", "pypi or system"), ("HOROVOD_GPU", "yes", "0 or 1"), ("JOBS", "0", "1")],
    )
    def test_an_unknown_value_names_the_valid_ones(self, name, value, expected):
        with pytest.raises(SetupFailure, match=f"{name}: expected .*{expected}, received {value}"):
            Options.from_environment({name: value})


class TestChecks:
    def test_this_machine_can_compile(self):
        checks.check_compiler()

    def test_missing_compiler_and_make(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", programs(tmp_path / "bin"))
        with pytest.raises(SetupFailure, match=r"g\+\+ and make not found.*apt-get install"):
            checks.check_compiler()

    def test_missing_make(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", programs(tmp_path / "bin", "g++"))
        with pytest.raises(SetupFailure, match=r"^make not found"):
            checks.check_compiler()

    def test_compiler_that_cannot_compile(self, tmp_path, monkeypatch):
        programs(tmp_path / "bin", "make")
        script(tmp_path / "bin", "g++", "echo 'fatal error: optional: No such file' >&2; exit 1")
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        with pytest.raises(SetupFailure, match=r"cannot compile C\+\+17 \(fatal error: optional"):
            checks.check_compiler()

    def test_missing_venv_module(self, monkeypatch):
        monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(SetupFailure, match="apt-get install python3-venv"):
            checks.check_venv_module()

    def test_system_mpi_without_a_compiler_wrapper(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", programs(tmp_path / "bin"))
        with pytest.raises(SetupFailure, match="MPI=system: mpicxx not found.*module load"):
            checks.site_mpi()

    def test_full_disk(self, options):
        with pytest.raises(SetupFailure, match=r"^disk full: .* has 0\.1 GB free and 3\.0 GB"):
            checks.check_space(options, lambda folder: Usage(10**12, 0, 10**8))

    def test_full_temporary_folder_names_its_setting(self, options, monkeypatch, tmp_path):
        small = tmp_path / "small"
        small.mkdir()
        monkeypatch.setattr(checks.tempfile, "gettempdir", lambda: str(small))
        with pytest.raises(SetupFailure, match="or set TMPDIR to a larger disk"):
            checks.check_space(
                options, lambda folder: Usage(1, 0, 0 if folder == small else 10**11)
            )

    def test_enough_space(self, options):
        checks.check_space(options, lambda folder: Usage(10**12, 0, 10**11))


class TestSetUp:
    def test_up_to_date_costs_nothing(self, options, capsys):
        options.python.parent.mkdir(parents=True)
        options.python.symlink_to(sys.executable)
        main.write_stamp(options, {"complete": main.fingerprint(options)})
        began = time.monotonic()
        main.set_up(options)
        assert time.monotonic() - began < 0.5
        assert "is up to date" in capsys.readouterr().out

    def test_another_setting_is_not_up_to_date(self, options):
        other = Options(venv=options.venv, cache=options.cache, gpu=True)
        assert main.fingerprint(options) != main.fingerprint(other)

    def test_a_folder_that_is_no_environment_is_left_alone(self, options):
        options.venv.mkdir()
        (options.venv / "thesis.tex").write_text("mine")
        with pytest.raises(SetupFailure, match="VENV: expected a virtual environment"):
            main.create(options)
        assert (options.venv / "thesis.tex").read_text() == "mine"

    def test_a_half_written_stamp_counts_as_none(self, options):
        options.venv.mkdir()
        (options.venv / main.STAMP).write_text('{"complete": "ab')
        assert main.read_stamp(options) == {}

    def test_errors_are_one_line_and_end_2(self, monkeypatch, capsys):
        monkeypatch.setenv("MPI", "mpich")
        assert main.main() == 2
        said = capsys.readouterr().err
        assert said == "set-up: error: MPI: expected pypi or system, received mpich\n"

    def test_constraints_pin_every_dependency(self):
        import re
        import tomllib

        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        wanted = [*project["dependencies"], *(line for name in extras for line in extras[name])]
        names = {re.match(r"[\w-]+", line)[0].lower() for line in wanted} - {
            "tensorflow",
            "horovod",
        }
        pinned = {
            line.partition("==")[0].lower()
            for line in (REPOSITORY / "scripts" / "constraints.txt").read_text().splitlines()
            if "==" in line
        }
        assert names <= pinned

    def test_the_page_names_the_tested_versions(self):
        page = (REPOSITORY / "docs" / "install.md").read_text()
        table = page.partition("### Tested versions")[2].partition("### ")[0]
        tested = (REPOSITORY / "scripts" / "constraints.txt").read_text().splitlines()
        tested.append(f"horovod=={horovod.VERSION}")
        for package in ("TensorFlow", "Keras", "Horovod", "NumPy", "JAX", "Open MPI", "mpi4py"):
            version = table.partition(f"| {package} | ")[2].partition(" |")[0]
            assert f"{package.lower().replace(' ', '')}=={version}" in tested

    def test_the_newest_are_asked_for_without_ranges(self, options):
        newest = main.unbounded(dataclasses.replace(options, newest=True))
        assert {"keras", "numpy", "jax", "tensorflow-cpu", "mpi4py"} <= set(newest)
        assert not any(sign in name for name in newest for sign in "<>=")
        assert options.identity() != dataclasses.replace(options, newest=True).identity()


class TestInEnv:
    def test_runs_in_the_environment(self, tmp_path):
        script(tmp_path / "bin", "python", "exit 0")
        script(tmp_path / "bin", "hello", 'echo "hello $1"')
        done = self.in_env(tmp_path, "hello", "two words")
        assert (done.returncode, done.stdout) == (0, "hello two words\n")

    def test_without_an_environment(self, tmp_path):
        done = self.in_env(tmp_path / "none", "hello")
        assert done.returncode == 2
        assert "run 'make setup' first" in done.stderr

    @staticmethod
    def in_env(venv, *command):
        return subprocess.run(
            [REPOSITORY / "scripts" / "in_env", *command],
            env=os.environ | {"VENV": str(venv)},
            capture_output=True,
            text=True,
            check=False,
        )
