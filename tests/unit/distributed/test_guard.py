"""How a program ends, in one process."""

import pytest

from caps_hvd.distributed import comm, guard
from caps_hvd.distributed.guard import peer_is_gone, run_guarded
from caps_hvd.errors import DataError


@pytest.fixture(autouse=True)
def no_job(monkeypatch):
    """A program that has not joined a job: one that has ends its process on a bug."""
    monkeypatch.setattr(comm, "_communicator", None)


def test_results_are_exit_codes():
    assert run_guarded(lambda: None) == 0
    assert run_guarded(lambda: 3) == 3


def test_an_error_for_people_is_one_line(capsys):
    def main():
        raise DataError("mnist.npz: truncated")

    assert run_guarded(main) == 2
    assert capsys.readouterr().err == "caps_hvd: error: mnist.npz: truncated\n"


def test_a_bug_keeps_its_traceback(capsys):
    def main():
        raise KeyError("bug")

    assert run_guarded(main) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("Horovod has been shut down. This was caused by an exception on one of the ranks", True),
        ("HorovodAllreduce: gloo: Connection closed by peer [127.0.0.1]:1", True),
        ("Mismatched ALLREDUCE tensor shapes [Op:HorovodAllreduce]", False),
        ("Connection closed", False),
    ],
)
def test_what_says_that_a_rank_is_gone(message, gone):
    assert peer_is_gone(RuntimeError(message)) is gone


def interrupted(told):
    def main():
        error = KeyboardInterrupt()
        error.told = told
        raise error

    return main


@pytest.mark.parametrize("told, said", [(False, "caps_hvd: ended by Ctrl-C\n"), (True, "")])
def test_ctrl_c_is_told_once(monkeypatch, capsys, told, said):
    """Before the first step as well, where nobody has told of it yet."""
    codes = []
    monkeypatch.setattr(guard.os, "_exit", codes.append)
    run_guarded(interrupted(told))
    assert codes == [130] and capsys.readouterr().err == said
