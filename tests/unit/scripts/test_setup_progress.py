"""What the set-up shows while it goes on, and where the environment of a path with spaces lies."""

import io
import threading

import pytest

from environment import main, progress
from environment.options import Options
from environment.progress import Steps


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, monkeypatch, seconds, name="Horovod", jobs=2) -> str:
    """Runs a step of so many seconds of a clock that goes on with every look."""
    clock = iter(range(10**6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    done = threading.Event()

    class Ended(threading.Event):
        def wait(self, pause=None):
            if next(clock) >= seconds:
                done.set()
                return super().wait(10)
            return False

    monkeypatch.setattr(progress.threading, "Event", Ended)
    Steps(5, jobs, stream).run(name, lambda: (done.wait(10), "built"))
    return stream.getvalue()


def test_a_log_has_a_line_now_and_then_and_one_for_the_end(monkeypatch):
    lines = shown(io.StringIO(), monkeypatch, 8).splitlines()
    assert len(lines) > 2
    assert all(line.startswith("  1/5 Horovod ") for line in lines)
    assert all(line.endswith(" s of about 130 s") for line in lines[:-1])
    assert lines[-1].endswith(" s  built")


def test_a_terminal_has_one_line_whose_seconds_go_on(monkeypatch):
    text = shown(Terminal(), monkeypatch, 8)
    assert text.count("\n") == 1 and text.endswith(" s  built\n")
    parts = text.split("\r\x1b[K")[1:]
    assert len(parts) > 2
    assert all(part.startswith("  1/5 Horovod ") for part in parts)


def test_more_compilers_take_less(monkeypatch):
    assert "of about 65 s" in shown(io.StringIO(), monkeypatch, 8, jobs=4)


def test_of_a_short_step_nobody_says_how_long_it_takes(monkeypatch):
    assert "about" not in shown(io.StringIO(), monkeypatch, 8, name="trying it")


def test_steps_are_counted_and_a_failure_is_seen():
    stream = io.StringIO()
    steps = Steps(2, stream=stream)
    assert steps.run("first", lambda: (7, "there already")) == 7
    with pytest.raises(OSError, match="full"):
        steps.run("second", lambda: (_ for _ in ()).throw(OSError("full")))
    first, second = stream.getvalue().splitlines()
    assert first.startswith("  1/2 first") and first.endswith("s  there already")
    assert second.startswith("  2/2 second") and second.endswith("failed")


class TestPathsWithSpaces:
    def test_a_link_stands_in_place_of_the_environment(self, tmp_path):
        asked = Options(venv=tmp_path / "my checkout" / ".venv", cache=tmp_path / "cache")
        placed = main.placed(asked)
        assert placed.venv.parent == tmp_path / "cache" / "environments"
        assert asked.venv.readlink() == placed.venv
        assert main.placed(asked) == placed  # again, with the link there
        other = Options(venv=tmp_path / "my other" / ".venv", cache=tmp_path / "cache")
        assert main.placed(other).venv != placed.venv

    def test_other_paths_stay(self, tmp_path):
        plain = Options(venv=tmp_path / "env", cache=tmp_path / "my cache")
        assert main.placed(plain) == plain
        both = Options(venv=tmp_path / "my env", cache=tmp_path / "my cache")
        assert main.placed(both) == both  # and the build says that it cannot be
        there = Options(venv=tmp_path / "my env", cache=tmp_path / "cache")
        there.venv.mkdir()
        assert main.placed(there) == there
