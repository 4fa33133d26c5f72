"""The set-up program: commands that fail, the cache of wheels, the recipe of Horovod."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from environment import SetupFailure, cache, commands, cuda, horovod, main
from environment.options import Options


@pytest.fixture
def options(tmp_path):
    return Options(venv=tmp_path / "venv", cache=tmp_path / "cache")


class TestDiagnosis:
    @pytest.mark.parametrize(
        ("printed", "expected"),
        [
            ("OSError: [Errno 28] No space left on device", "disk full while it"),
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS",
                "checksum mismatch while it",
            ),
            (
                "HTTPSConnectionPool: Max retries exceeded with url: /simple/keras/\n"
                "ERROR: No matching distribution found for keras",
                "the package index cannot be reached while it",
            ),
            (
                "ERROR: No matching distribution found for tensorflow-cpu<2.22\n",
                "no usable tensorflow-cpu<2.22 while it",
            ),
            ("fatal error: Python.h: No such file or directory", "apt-get install python3-dev"),
            ("c++: fatal error: Killed signal terminated program cc1plus", "JOBS=1"),
            (
                "making\nfile.cc:3:1: error: 'x' was not declared\nmake: *** Error 1\n",
                "it failed: file.cc:3:1: error: 'x' was not declared",
            ),
            (
                "to avoid build errors in future\n c++ -o error.cc.o -c error.cc\n"
                " /x/mpi_ops.cc:12:10: fatal error: tsl/status.h: No such file\n"
                "error: subprocess-exited-with-error\n",
                "it failed: /x/mpi_ops.cc:12:10: fatal error: tsl/status.h: No such file",
            ),
            (
                "  CMake Error at /x/Find.cmake:233 (message):\n    Could NOT find MPI\n",
                "it failed: CMake Error at /x/Find.cmake:233 (message): Could NOT find MPI",
            ),
            ("", "it failed: no output"),
        ],
    )
    def test_one_line_with_the_cause(self, printed, expected):
        line = commands.diagnose(printed, "it")
        assert expected in line
        assert "\n" not in line

    def test_a_failure_keeps_its_log(self, tmp_path):
        log = tmp_path / "logs" / "try.log"
        with pytest.raises(SetupFailure, match=r"trying failed: error: no luck \(log: .*try\.log"):
            commands.run(
                ["/bin/sh", "-c", "echo begun; echo error: no luck >&2; exit 3"],
                what="trying",
                log=log,
                env={},
            )
        assert "begun" in log.read_text()

    def test_output_does_not_hold_the_command(self, tmp_path):
        command = ["/bin/sh", "-c", "echo one\necho two"]
        printed = commands.run(command, what="it", log=tmp_path / "log", env={})
        assert printed == "one\ntwo\n"

    def test_foreign_settings_stay_outside(self, monkeypatch):
        for name in ("PYTHONPATH", "PIP_USER", "HOROVOD_WITH_PYTORCH", "MAKEFLAGS"):
            monkeypatch.setenv(name, "1")
        env = commands.environment(Path("/env"), HOROVOD_WITH_MPI="1")
        assert not {"PYTHONPATH", "PIP_USER", "HOROVOD_WITH_PYTORCH", "MAKEFLAGS"} & set(env)
        assert env["PATH"].startswith("/env/bin:")
        assert env["HOROVOD_WITH_MPI"] == "1"

    def test_a_disk_that_fills_up_later(self):
        full = OSError(errno.ENOSPC, "No space left on device", "/x/wheel")
        assert main.explain(full).startswith("disk full while writing /x/wheel: free some space")


class TestCache:
    FACTS = {"python": "cpython-311", "mpi": "openmpi 4.1.8"}

    @staticmethod
    def builder(content=b"wheel", calls=None):
        def build(work: Path) -> Path:
            if calls is not None:
                calls.append(work)
            wheel = work / "horovod-1-py3-none-any.whl"
            wheel.write_bytes(content)
            return wheel

        return build

    def test_built_once(self, tmp_path):
        calls = []
        first, built = cache.cached_wheel(
            tmp_path, "horovod", self.FACTS, self.builder(b"a", calls)
        )
        again, rebuilt = cache.cached_wheel(
            tmp_path, "horovod", self.FACTS, self.builder(b"b", calls)
        )
        assert (built, rebuilt, len(calls)) == ("built", "from the cache", 1)
        assert first == again
        assert again.read_bytes() == b"a"
        record = json.loads((again.parent / "build.json").read_text())
        assert record["facts"] == self.FACTS

    @pytest.mark.parametrize("name", ["python", "mpi"])
    def test_every_fact_is_part_of_the_key(self, name):
        assert cache.key_of(self.FACTS) != cache.key_of(self.FACTS | {name: "other"})

    def test_a_damaged_wheel_is_built_again(self, tmp_path):
        wheel, _ = cache.cached_wheel(tmp_path, "horovod", self.FACTS, self.builder())
        wheel.write_bytes(b"whe")
        wheel, built = cache.cached_wheel(tmp_path, "horovod", self.FACTS, self.builder())
        assert built == "built"
        assert wheel.read_bytes() == b"wheel"

    def test_a_failed_build_leaves_nothing(self, tmp_path):
        def fail(work):
            (work / "half.whl").write_bytes(b"ha")
            raise SetupFailure("no")

        with pytest.raises(SetupFailure, match="no"):
            cache.cached_wheel(tmp_path, "horovod", self.FACTS, fail)
        assert [path.suffix for path in (tmp_path / "horovod").iterdir()] == [".lock"]

    def test_what_a_killed_builder_left_is_removed(self, tmp_path):
        left = tmp_path / "horovod" / f".{cache.key_of(self.FACTS)}-99999"
        left.mkdir(parents=True)
        cache.cached_wheel(tmp_path, "horovod", self.FACTS, self.builder())
        assert not left.exists()

    def test_two_builders_at_once_build_once(self, tmp_path, capfd):
        calls, wheels = [], []
        build = self.builder(calls=calls)

        def slow(work):
            time.sleep(0.3)
            return build(work)

        def ask():
            wheels.append(cache.cached_wheel(tmp_path, "horovod", self.FACTS, slow)[0])

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(calls) == 1
        assert wheels[0] == wheels[1]
        assert "another set-up is building the same horovod" in capfd.readouterr().out

    def test_a_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(
            SetupFailure, match="cannot write to .*: set CAPS_HVD_CACHE to a folder"
        ):
            cache.make_folder(tmp_path / "file" / "cache", "CAPS_HVD_CACHE")


class TestHorovod:
    VERSIONS = {"python": "cpython-311", "tensorflow": "2.21.0", "openmpi": "4.1.8"}

    def test_the_wheel_depends_on_all_that_it_links(self, options, monkeypatch):
        base = cache.key_of(horovod.facts(options, self.VERSIONS))
        for name in self.VERSIONS:
            assert cache.key_of(horovod.facts(options, self.VERSIONS | {name: "9"})) != base
        monkeypatch.setattr(horovod, "PATCHES", horovod.PATCHES[:1])
        assert cache.key_of(horovod.facts(options, self.VERSIONS)) != base

    def test_system_mpi_is_another_wheel(self, tmp_path, monkeypatch):
        wrapper = tmp_path / "bin" / "mpicxx"
        wrapper.parent.mkdir()
        wrapper.write_text("#!/bin/sh\necho g++ -I/opt/mpi/include -L/opt/mpi/lib -lmpi\n")
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        facts = horovod.facts(Options(tmp_path, tmp_path, mpi="system"), self.VERSIONS)
        assert facts["mpi"] == "g++ -I/opt/mpi/include -L/opt/mpi/lib -lmpi"
        assert facts["settings"]["HOROVOD_RPATH"] == "/opt/mpi/lib"

    @pytest.mark.parametrize(
        ("shown", "folders"),
        [
            ("g++ -I/m/include -L/m/lib -Wl,-rpath -Wl,/m/lib -lmpi", ["/m/lib"]),
            ("g++ -L/a -Wl,-rpath,/b -lmpicxx -lmpi", ["/a", "/b"]),
            ("g++ -I/usr/include/mpi -lmpi", []),
        ],
    )
    def test_library_folders_of_the_site_mpi(self, shown, folders):
        assert horovod.site_mpi_folders(shown) == folders

    def test_a_source_with_another_checksum_is_refused(self, options, monkeypatch):
        archive = options.cache / "source" / "horovod-0.28.1.tar.gz"
        archive.parent.mkdir(parents=True)
        archive.write_bytes(b"something else")
        monkeypatch.setattr(Options, "pip", lambda *_, **__: "")
        with pytest.raises(SetupFailure, match="checksum mismatch: .* is not the Horovod 0.28.1"):
            horovod.fetch_source(options)

    def test_a_path_with_a_space_cannot_build(self, tmp_path):
        spaced = Options(venv=tmp_path / "my env", cache=tmp_path)
        with pytest.raises(SetupFailure, match="VENV: expected a path without spaces"):
            horovod.build(spaced, self.VERSIONS, tmp_path)

    @pytest.mark.parametrize(
        "patch", horovod.PATCHES + horovod.GPU_PATCHES, ids=lambda patch: patch.name
    )
    def test_patches_say_why_and_refuse_other_sources(self, patch, tmp_path):
        header = patch.read_text().partition("\n--- ")[0]
        assert len(header) > 100
        (tmp_path / "horovod" / "tensorflow").mkdir(parents=True)
        tensorflow = "horovod/tensorflow"
        for file in ("CMakeLists.txt", f"{tensorflow}/CMakeLists.txt", f"{tensorflow}/mpi_ops.cc"):
            (tmp_path / file).write_text("project(other)\n")
        program = horovod.RECIPE / "apply_patch.py"
        done = subprocess.run(
            [sys.executable, program, patch, tmp_path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "does not fit the source" in done.stdout


class TestCuda:
    @staticmethod
    def toolkit(home):
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "nvcc").write_text("#!/bin/sh\necho built 13.0\n")
        (home / "bin" / "nvcc").chmod(0o755)
        return home

    def test_the_named_toolkit_comes_first(self, tmp_path, monkeypatch):
        named, on_path = self.toolkit(tmp_path / "a"), self.toolkit(tmp_path / "b")
        monkeypatch.setenv("PATH", str(on_path / "bin"))
        monkeypatch.delenv("CUDA_HOME", raising=False)
        assert cuda.site_toolkit() == on_path
        monkeypatch.setenv("CUDA_HOME", str(named))
        assert cuda.site_toolkit() == named
        assert "built 13.0" in cuda.toolkit_facts()

    def test_without_one_the_compiler_comes_from_pypi(self, options, tmp_path, monkeypatch):
        asked = []
        (tmp_path / "cuda" / "nvidia" / "cu13" / "lib").mkdir(parents=True)  # what pip would make
        monkeypatch.setattr(cuda, "site_toolkit", lambda: None)
        monkeypatch.setattr(Options, "pip", lambda _, *command, **__: asked.extend(command))
        settings = cuda.build_settings(options, tmp_path / "nvidia", tmp_path)
        assert set(cuda.PYPI_TOOLKIT) <= set(asked)
        assert settings["HOROVOD_CUDA_HOME"] == str(tmp_path / "cuda" / "nvidia" / "cu13")
        library = Path(settings["HOROVOD_NCCL_LIB"], "libnccl.so")
        assert library.readlink() == tmp_path / "nvidia" / "nccl" / "lib" / "libnccl.so.2"
        assert "nvidia-cuda-nvcc" in cuda.toolkit_facts()

    def test_a_gpu_build_asks_for_nccl(self, tmp_path):
        settings = horovod.build_settings(Options(tmp_path, tmp_path, gpu=True))
        assert settings["HOROVOD_GPU"] == "CUDA"  # not the 1 of the set-up's own setting
        assert settings["HOROVOD_GPU_OPERATIONS"] == "NCCL"
        assert settings["HOROVOD_RPATH"].endswith(";$ORIGIN/../../nvidia/nccl/lib")
