"""The doctor: broken libraries as reasons and not as crashes."""

import subprocess
import sys

import pytest

from caps_hvd import data
from caps_hvd.launch.hosts import doctor

GOOD_BACKEND = {"gpus": [], "keras": "3.15.1"}
GOOD_HOROVOD = {"mpi": 1, "gloo": 1, "nccl": 0, "cuda": 0}
GOOD_MPI = {"library": "Open MPI v4.1.8, package: Open MPI, ident: 4.1.8"}


@pytest.fixture
def healthy(monkeypatch):
    """A machine on which training can work; a test then breaks one thing."""
    answers = {"backend": GOOD_BACKEND, "horovod": GOOD_HOROVOD, "mpi": GOOD_MPI}
    monkeypatch.delenv("CAPS_HVD_DATA_DIR", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(doctor, "keras_backend", lambda: "tensorflow")
    monkeypatch.setattr(doctor, "probe", lambda *_, **__: list(answers.values()))
    monkeypatch.setattr(doctor, "version_of", lambda name: "1.0")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/env/bin/{name}")
    monkeypatch.setattr(doctor, "_first_line", lambda command: "mpirun (Open MPI) 4.1.8")
    monkeypatch.setattr(doctor.host, "free_bytes", lambda folder: 10**10)
    monkeypatch.setattr(doctor.host, "cpu_features", lambda: frozenset())
    return answers


class TestProbe:
    def test_programs_answer_in_their_order(self):
        slow = "import time; time.sleep(0.2); print('noise'); print('{\"it\": 1}')"
        assert doctor.probe(slow, "print('{\"it\": 2}')") == [{"it": 1}, {"it": 2}]

    def test_a_crash_is_an_error(self):
        crash = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
        assert doctor.probe(crash) == [{"error": "it crashed (SIGILL)"}]

    def test_a_hang_is_an_error(self):
        assert doctor.probe("import time; time.sleep(60)", timeout_seconds=0.3) == [
            {"error": "no answer within 0 s"}
        ]

    def test_an_uncaught_exception_is_an_error(self):
        assert doctor.probe("raise RuntimeError('no')") == [{"error": "RuntimeError: no"}]

    def test_a_broken_library_is_an_error(self, tmp_path, monkeypatch):
        broken = tmp_path / "horovod" / "tensorflow.py"
        broken.parent.mkdir()
        (broken.parent / "__init__.py").write_text("")
        broken.write_text("raise ImportError('libmpi.so.40: cannot open shared object file')\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert doctor.probe(doctor.PROBE_HOROVOD) == [
            {"error": "ImportError: libmpi.so.40: cannot open shared object file"}
        ]


class TestDoctor:
    def test_a_healthy_machine(self, healthy):
        report = doctor.run_doctor()
        assert report.verdict() == "training can work"
        text = report.text()
        assert "MPI library        Open MPI v4.1.8\n" in text
        assert "built with         MPI, Gloo\n" in text
        assert "digits             embedded" in text
        assert "note:" not in text

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ({"error": "ImportError: no"}, "TensorFlow does not load: ImportError: no"),
            (GOOD_BACKEND | {"keras": "2.15.0"}, "Keras 3 is needed, found 2.15.0"),
        ],
    )
    def test_a_broken_backend_is_a_reason(self, healthy, answer, reason):
        healthy["backend"] = answer
        report = doctor.run_doctor()
        assert report.verdict() == f"training cannot work: {reason}; run `make setup`"
        assert report.fails

    @pytest.mark.parametrize(
        ("library", "answer", "reason"),
        [
            ("horovod", {"error": "it crashed (SIGILL)"}, "Horovod does not load: it crashed"),
            ("horovod", {"mpi": 0, "gloo": 0}, "Horovod was built without MPI and without Gloo"),
            ("mpi", {"error": "RuntimeError: cannot load MPI library"}, "mpi4py does not load"),
        ],
    )
    def test_a_broken_library_of_ranks_leaves_one_process(self, healthy, library, answer, reason):
        healthy[library] = answer
        report = doctor.run_doctor()
        broken, verdict = report.verdict().splitlines()
        assert broken.startswith(f"several ranks cannot train: {reason}")
        assert broken.endswith("; run `make setup`")
        assert verdict == "training can work in one process"
        assert report.fails

    def test_without_horovod_one_process_trains(self, healthy, monkeypatch):
        healthy["horovod"] = {"error": "ModuleNotFoundError: No module named 'horovod'"}
        monkeypatch.setattr(doctor, "version_of", lambda name: None if name == "horovod" else "1.0")
        monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
        report = doctor.run_doctor()
        assert report.verdict().splitlines() == [
            "several ranks cannot train: Horovod is not installed; run `make setup`",
            "training can work in one process",
        ]
        assert not report.fails

    def test_without_a_launcher(self, healthy, monkeypatch):
        monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
        assert "no launcher on PATH" in doctor.run_doctor().reasons_for_ranks[0]

    def test_a_launcher_of_another_mpi(self, healthy, monkeypatch):
        monkeypatch.setattr(doctor, "_first_line", lambda command: "HYDRA build details:")
        report = doctor.run_doctor()
        assert report.verdict() == "training can work"
        text = report.text()
        assert "note: mpirun is of MPICH, but Horovod's MPI is Open MPI" in text

    def test_an_old_processor(self, healthy, monkeypatch):
        monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
        monkeypatch.setattr(doctor.host, "cpu_features", lambda: frozenset({"avx"}))
        assert "lacks f16c, fma" in doctor.run_doctor().reasons_for_ranks[0]

    def test_a_full_disk(self, healthy, monkeypatch):
        free = {"/dev/shm": 10**9, ".": 10**6}
        monkeypatch.setattr(doctor.host, "free_bytes", free.get)
        assert doctor.run_doctor().reasons[0].startswith("disk full: 1 MB free here")

    def test_a_small_shared_memory_is_a_note(self, healthy, monkeypatch):
        free = {"/dev/shm": 2**20, ".": 10**12}
        monkeypatch.setattr(doctor.host, "free_bytes", free.get)
        report = doctor.run_doctor()
        assert report.verdict() == "training can work"
        text = report.text()
        assert "note: /dev/shm is small" in text

    def test_a_data_folder_that_is_not_there(self, healthy, tmp_path):
        reasons = doctor.run_doctor(tmp_path / "none").reasons
        assert len(reasons) == 1
        assert "expected a folder" in reasons[0]

    def test_data_sets_found(self, healthy, tmp_path, monkeypatch):
        monkeypatch.setattr(
            data, "available", lambda folder: [data.Found("mnist", "npz", tmp_path / "mnist.npz")]
        )
        text = doctor.run_doctor(tmp_path).text()
        assert f"mnist              npz {tmp_path}/mnist.npz" in text

    def test_another_backend_trains_in_one_process(self, healthy, monkeypatch):
        monkeypatch.setattr(doctor, "keras_backend", lambda: "torch")
        report = doctor.run_doctor()
        assert "note: Keras computes with PyTorch: several ranks need TensorFlow" in report.text()
        assert not report.reasons

    def test_ends_1_with_the_reason(self, healthy, capsys):
        healthy["mpi"] = {"error": "no"}
        assert doctor.main() == 1
        assert "several ranks cannot train: mpi4py does not load: no" in capsys.readouterr().out

    def test_ends_0(self, healthy, capsys):
        assert doctor.main() == 0
        assert capsys.readouterr().out.endswith("\n\ntraining can work\n")

    @pytest.mark.parametrize(
        ("says", "name"),
        [
            ("mpirun (Open MPI) 4.1.8", "Open MPI"),
            ("mpirun (Open MPI) 5.0.3 (PRRTE)", "Open MPI"),
            ("HYDRA build details:", "MPICH"),
            ("MPICH Version: 4.2.1", "MPICH"),
            ("Intel(R) MPI Library for Linux* OS, Version 2021.9", "Intel MPI"),
            ("nothing", "an unknown MPI"),
        ],
    )
    def test_flavours(self, says, name):
        assert doctor.flavour(says) == name


def test_importing_the_doctor_loads_no_framework():
    program = (
        "import sys, caps_hvd.launch.hosts.doctor; "
        "print({'tensorflow', 'keras', 'horovod', 'mpi4py'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
