"""A lock keeps the living out, is not held by the dead, and says who holds it."""

import errno
import fcntl
import os
import socket
import subprocess
import sys

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import RunError
from caps_hvd.io import lock
from caps_hvd.training.run_directory import RunDirectory

HOLD = """
import sys, time
from caps_hvd.io import lock
with lock.held(sys.argv[1], RuntimeError):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_living_are_named_and_the_dead_hold_nothing(tmp_path, holder):
    path = tmp_path / "lock"
    owner = f"process {holder.pid} on {socket.gethostname()}"
    with pytest.raises(RunError, match=f"^in use by {owner}$"), lock.held(path, _in_use):
        pass
    assert lock.holder(path) == owner
    holder.kill()
    holder.wait()
    assert lock.holder(path) is None
    with lock.held(path, _in_use):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    with lock.held(path, _in_use):
        pass


def _in_use(owner):
    return RunError(f"in use by {owner}")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock.held(tmp_path / "lock", _in_use):
        pass


class TestRunDirectory:
    def test_a_second_training_is_refused_in_a_line(self, tmp_path, holder):
        directory = RunDirectory.at(tmp_path)
        with pytest.raises(RunError) as caught, directory.taken(TrainConfig(), None):
            pass
        assert str(caught.value) == (
            f"--run-dir: another training writes into {tmp_path} (process {holder.pid} on "
            f"{socket.gethostname()}); wait for its end, or name another folder"
        )
        assert not directory.config.exists()

    def test_one_that_came_between_is_noticed(self, tmp_path):
        directory = RunDirectory.at(tmp_path / "new")
        with directory.taken(TrainConfig(), None):
            assert directory.config.exists()
        with pytest.raises(RunError, match="is not empty"), directory.taken(TrainConfig(), None):
            pass

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        directory = RunDirectory.at(tmp_path / "file" / "run")
        words = "^--run-dir: cannot write into the folder"
        with pytest.raises(RunError, match=words), directory.taken(TrainConfig(), None):
            pass
