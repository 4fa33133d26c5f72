"""What a person sees of a training on 2 ranks that `caps-hvd launch` starts, as `make train`."""

import os
import pty
import re
import subprocess
import sys

import pytest

COMMAND = [
    *(sys.executable, "-m", "caps_hvd.cli", "launch", "-np", "2", "--"),
    *(sys.executable, "-m", "caps_hvd.train", "--preset", "small", "--train-samples", "256"),
    *("--test-samples", "64", "--batch-size", "32", "--compression", "none", "--epochs", "2"),
]
SECONDS = 120
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(SECONDS + 30)]


def check(lines):
    assert not any("stdout>" in line or "stderr>" in line or not line for line in lines)
    opening, first, second, result, of_classes, following = lines
    assert opening.startswith("capsnet (small")
    assert [first.split()[:2], second.split()[:2]] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert result.startswith("test accuracy ") and result.endswith("; run")
    assert of_classes.startswith("balanced accuracy ")
    assert following.startswith("look at it with `caps-hvd evaluate run` or `caps-hvd reconstruct")
    assert "`caps-hvd classify run IMAGES`" in following


@pytest.mark.core
def test_a_log_has_a_line_for_each_epoch(tmp_path):
    command = [*COMMAND, "--run-dir", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout and "\r" not in done.stdout
    check(done.stdout.splitlines())


def test_a_terminal_has_one_bar_and_the_same_lines(tmp_path):
    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--run-dir", "run"], cwd=tmp_path, stdin=subprocess.DEVNULL,
        stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(own, 4096)
        except OSError:  # its end
            break
    os.close(own)
    assert process.wait(SECONDS) == 0, text
    text = text.decode()
    assert "steps" in text  # the bar's
    check(screen(text))


def screen(text) -> list[str]:
    """The lines that stay on a terminal: a bar erases its own."""
    rows, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif part == "\r":
            column = 0
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            rows[row] = ""
        elif not part.startswith("\x1b"):
            rows[row] = f"{rows[row]:{column}}"[:column] + part + rows[row][column + len(part) :]
            column += len(part)
    return rows[: row + 1] if rows[row] else rows[:row]
