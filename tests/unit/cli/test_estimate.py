"""`caps-hvd estimate` in a process of its own."""

import csv
import io
import json
import os
import subprocess
import sys
import time

import pytest

from caps_hvd.report.scaling.prediction_table import published_predictions
from caps_hvd.scaling import machine_profile as calibrations
from tests.unit.scaling.toy import toy


def run(*arguments, command="estimate"):
    return subprocess.run(
        [sys.executable, "-m", "caps_hvd.cli", command, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )


def test_formats(tmp_path):
    path = tmp_path / "c.json"
    calibrations.write(path, toy())
    arguments = [
        "--calibration", str(path), "--machines", "1,4", "--images", "80", "--batch-size", "10",
        "--evaluation", "none", "--cores-per-host", "2/2",
    ]  # fmt: skip
    text = run(*arguments)
    assert text.returncode == 0, text.stderr
    assert "capsnet small, calibrated on 1 cores of toy" in text.stdout
    rows = [line.split() for line in text.stdout.splitlines()]
    assert ["1", "8.0", "1.00", "100", "%", "8.00", "0.00", "0.00", "0.00", "0.00"] in rows
    values = json.loads(run(*arguments, "--format", "json").stdout)
    assert [one["machines"] for one in values] == [1, 4]
    assert values[0]["seconds_per_epoch"] == 8.0
    table = list(csv.DictReader(io.StringIO(run(*arguments, "--format", "csv").stdout)))
    assert table[1]["ranks"] == "4" and float(table[0]["compute_seconds"]) == 8.0


def test_the_former_name_does_the_same_and_says_so():
    former, now = run("--machines", "1,5", command="predict"), run("--machines", "1,5")
    assert (former.returncode, former.stdout) == (0, now.stdout)
    assert former.stderr == "note: `caps-hvd predict` is called `caps-hvd estimate` now\n"
    assert now.stderr == ""


def test_the_former_name_is_in_no_help():
    words = subprocess.run(
        [sys.executable, "-m", "caps_hvd.cli", "--help"], capture_output=True, text=True, timeout=60
    ).stdout.split()
    assert "estimate" in words and "predict" not in words


def test_published_stands_beside_predictions_from_one_figure():
    alone, five, fifteen = published_predictions()
    assert (alone[0], alone[1]) == (1, 610.0)
    assert alone[2].seconds_per_epoch == pytest.approx(610.0)
    assert (five[:2], fifteen[:2]) == ((5, 184.4), (15, 88.0))
    for machines, published, predicted in (five, fifteen):
        error = predicted.seconds_per_epoch / published - 1
        assert abs(error) < 0.15, f"{machines} machines: {error:+.1%}"
    text = run("--published")
    assert text.returncode == 0, text.stderr
    assert "184.4" in text.stdout and "88.0" in text.stdout and text.stdout.count(" %") == 6


def test_answers_at_once_and_without_tensorflow():
    script = (
        "import sys; from caps_hvd.cli import cli\n"
        "try: cli(['estimate', '--machines', '1,1024', '--network', 'ib-hdr'])\n"
        "except SystemExit: pass\n"
        "loaded = {'keras', 'tensorflow', 'horovod', 'numpy', 'h5py', 'matplotlib'}\n"
        "sys.exit(str(loaded & set(sys.modules)) if loaded & set(sys.modules) else 0)"
    )
    start = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert time.monotonic() - start < 3  # 0.2 s on a quiet machine


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--network", "2gbit"], "network: expected one of 1gbit, 10gbit"),
        (["--machines", "0"], "expected integers of at least 1, such as 1,5,15; received '0'"),
        (["--machines", "1,,5"], "received '1,,5'"),
        (["--cores-per-host", "2/0"], "expected a number above 0, such as 8 or 2/15"),
        (["--calibration", "no.json"], "no.json: cannot read the calibration"),
        (["--algorithm", "tree"], "--algorithm: expected one of auto, ring,"),
        (["--cores-per-host", "1", "--shared-cores", "2"], "received both"),
        (["--published", "--machines", "5"], "--machines: --published predicts the machines of"),
        (["--batch-size", "60001"], "expected at most the 60000 images of an epoch"),
    ],
)
def test_mistakes_are_one_line_and_end_with_2(arguments, words):
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("caps_hvd: error: ") and ended.stderr.count("\n") == 1
    assert words in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch-size", "100"], None),
        (["--batch-size", "10"], "steps of 10 images on a rank lie outside of the 20 to 100"),
        (["--scaling", "strong", "--machines", "1,2", "--batch-size", "30"], "of 15 images on"),
        (["--machines", "600"], None),
        (["--machines", "1,601"], "601 ranks: their batches together, 60100 images, are more"),
    ],
)
def test_notes_what_was_not_measured(arguments, words):
    ended = run(*arguments)
    assert ended.returncode == 0
    assert ended.stderr.count("\n") == (words is not None)
    assert words is None or (ended.stderr.startswith("note: ") and words in ended.stderr)
