"""Where a progress bar would be seen as one, and the lines around a run."""

import os
import sys

import pytest

from caps_hvd.training.callbacks import progress
from caps_hvd.training.run_record import next_line


@pytest.mark.parametrize(
    ("own", "ranks", "variables", "command", "output", "seen"),
    [
        (True, 1, {}, "bash", "/tmp/log", True),
        (False, 1, {}, "bash", "/dev/pts/3", False),
        (True, 2, {}, "mpirun\0-np\0002", "/dev/pts/3", True),
        (True, 2, {}, "mpirun\0-np\0002", "/tmp/log", False),
        (True, 2, {}, "mpirun\0--tag-output\0-np\0002", "/dev/pts/3", False),  # horovodrun's
        (True, 2, {}, "mpirun\0-tag-output", "/dev/tty1", False),
        (True, 1, {"OMPI_COMM_WORLD_SIZE": "1"}, "mpirun", "pipe:[7]", False),
    ],
)
def test_a_bar_is_shown_where_it_is_one(
    monkeypatch, tmp_path, own, ranks, variables, command, output, seen
):
    launcher = tmp_path / str(os.getppid())
    (launcher / "fd").mkdir(parents=True)
    (launcher / "cmdline").write_text(command)
    (launcher / "fd" / "1").symlink_to(output)
    monkeypatch.setattr(progress, "_PROC", tmp_path)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: own)
    monkeypatch.delenv("OMPI_COMM_WORLD_SIZE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert progress.on_a_terminal(ranks) is seen


def test_a_launcher_that_nothing_is_known_of(monkeypatch, tmp_path):
    monkeypatch.setattr(progress, "_PROC", tmp_path)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert progress.on_a_terminal(2) is False


def test_the_line_on_what_to_do_next_can_be_typed():
    line = next_line("runs/it's mine", decoder=True)
    folder = "'runs/it'\"'\"'s mine'"
    assert f"`caps-hvd evaluate {folder}` or `caps-hvd reconstruct {folder}`, use it" in line
    assert f"`caps-hvd classify {folder} IMAGES`" in line
    assert "reconstruct" not in next_line("runs/a", decoder=False)
