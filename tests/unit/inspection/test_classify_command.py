"""`caps-hvd classify` on a run that was just trained, in one process, by the command line."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# What a command prints goes to NUMBER.out and NUMBER.err, with its exit code or error at the end.
PROGRAM = """
import contextlib, logging, shlex, sys
from caps_hvd.cli import cli
logging.disable(logging.WARNING)  # of TensorFlow, on a process of many networks
for number, line in enumerate(sys.stdin.read().splitlines()):
    with open(f"{number}.out", "w") as out, open(f"{number}.err", "w") as err:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cli.main(shlex.split(line), standalone_mode=False) or 0
            except Exception as error:
                code = f"{type(error).__name__}: {error}"
        print(code, file=err)
"""
COMMANDS = (
    "train --dataset own.npz --preset small --epochs 1 --batch-size 20 --run-dir run",
    "train --dataset own.npz --preset small --epochs 1 --batch-size 20 --decoder none --run-dir no",
    "evaluate run --json",
    "classify run own.npz --array x_test --format csv",
    "classify run pictures --format jsonl --batch-size 2 --reconstructions drawn",
    "classify run pictures/good.png pictures/text.png none.png --output found.txt",
    "classify no pictures/good.png",
    "classify no pictures/good.png --reconstructions refused",
    "classify none pictures/good.png",
    "classify run '*.gif'",
    "classify run pictures/text.png --output nothing.txt",
    "classify run --part test --format csv",
    "classify run --part validation",
    "classify run --part train pictures",
    "classify run pictures --data-dir pictures",
    "classify run pictures/good.png --output none/found.txt",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classify")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 9, 10, 3), np.uint8)
    labels = np.array(["owl", "dog", "cat"])[np.arange(60) % 3]
    parts = {"x_train": images[:45], "y_train": labels[:45], "x_test": images[45:]}
    names = [f"shots/{number}.jpg" for number in range(60)]
    np.savez(folder / "own.npz", **parts, y_test=labels[45:], paths_test=names[45:])
    pictures = folder / "pictures"
    pictures.mkdir()
    Image.fromarray(images[45]).save(pictures / "good.png")
    Image.fromarray(images[46]).resize((40, 50)).convert("CMYK").save(pictures / "large.jpg")
    Image.fromarray(images[47]).save(pictures / "two\nlines.png")
    (pictures / "text.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def printed(folder):
    """Command -> what it printed, what it said, and its exit code or error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(COMMANDS),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=230,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for number, command in enumerate(COMMANDS):
        *said, code = (folder / f"{number}.err").read_text().splitlines()
        found[command] = (folder / f"{number}.out").read_text().splitlines(), said, code
    return found


def of(printed, start):
    (found,) = [each for command, each in printed.items() if command.startswith(start)]
    return found


def test_it_is_as_accurate_as_the_evaluation(printed):
    out, said, code = of(printed, "classify run own.npz")
    assert (said, code) == ([], "0")
    rows = list(csv.DictReader(out))
    assert [row["image"] for row in rows] == [f"own.npz[{number}]" for number in range(15)]
    confusion = np.zeros((3, 3), int)
    names = ["cat", "dog", "owl"]
    for number, row in enumerate(rows):
        true = ["owl", "dog", "cat"][number % 3]
        confusion[names.index(true), names.index(row["class"])] += 1
    evaluation = json.loads("".join(of(printed, "evaluate")[0]))
    assert confusion.tolist() == evaluation["confusion"]


def test_a_folder_with_a_file_that_is_no_picture(printed, folder):
    out, said, code = of(printed, "classify run pictures --format")
    assert code == "1"
    assert said[0].startswith("caps_hvd: not classified: pictures/text.png: expected a picture, ")
    assert said[1:] == ["caps_hvd: 1 of 4 images could not be classified"]
    rows = [json.loads(line) for line in out]
    assert [row["image"] for row in rows] == [
        "pictures/good.png", "pictures/large.jpg", "pictures/two\nlines.png",
    ]  # fmt: skip
    for row in rows:
        assert row["class"] != row["runner_up"] and row["score"] >= row["runner_up_score"]
        assert 0 < row["distance"] < 1
    drawn = sorted(path.name for path in (folder / "drawn").iterdir())
    assert drawn == [
        "000001-good.png.png", "000002-large.jpg.png", "000003-two-lines.png.png",
    ]  # fmt: skip
    assert Image.open(folder / "drawn" / drawn[0]).size[1] >= 112


def test_lines_in_a_file(printed, folder):
    out, said, code = of(printed, "classify run pictures/good.png pictures/text.png")
    assert (out, code) == ([], "1") and len(said) == 3
    assert "none.png: expected a picture file, there is none" in said[1]
    header, line = (folder / "found.txt").read_text().splitlines()
    assert header.split() == ["class", "score", "runner-up", "score", "distance", "image"]
    assert line.endswith("  pictures/good.png")


def test_a_network_without_a_decoder(printed, folder):
    out, _, code = printed["classify no pictures/good.png"]
    assert code == "0" and "distance" not in out[0]


def test_nothing_at_all_could_be_read(printed, folder):
    out, said, code = of(printed, "classify run pictures/text.png")
    assert (out, code) == ([], "1") and len(said) == 2
    assert not (folder / "nothing.txt").exists()


def test_the_test_part_of_the_run_with_its_classes(printed):
    out, said, code = of(printed, "classify run --part test")
    assert (said, code) == ([], "0")
    rows = list(csv.DictReader(out))
    assert [row["true_class"] for row in rows] == ["owl", "dog", "cat"] * 5
    assert [row.pop("image") for row in rows] == [f"shots/{number}.jpg" for number in range(45, 60)]
    assert list(rows[0])[:2] == ["true_class", "class"]
    alone = list(csv.DictReader(of(printed, "classify run own.npz")[0]))
    assert [row["class"] for row in rows] == [row["class"] for row in alone]


@pytest.mark.parametrize(
    "start, line",
    [
        ("classify none", "ConfigError: RUN: expected a run directory, but none is not a folder; "),
        ("classify run '*.gif'", "ConfigError: IMAGES: no file matches the pattern '*.gif'; "),
        ("classify no pictures/good.png --reconstructions", "ConfigError: --reconstructions: "),
        ("classify run --part validation", "ConfigError: --part: expected test, since the run has"),
        ("classify run --part train", "ConfigError: --part: expected it alone, since it names"),
        ("classify run pictures --data-dir", "ConfigError: --data-dir: expected it with --part, "),
        ("classify run pictures/good.png --output none", "RunError: cannot write none/found.txt: "),
    ],
)
def test_mistakes(printed, start, line):
    (found,) = [each for command, each in printed.items() if command.startswith(start)]
    assert found[0] == [] and found[2].startswith(line)
