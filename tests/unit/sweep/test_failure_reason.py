"""What the log of a run that ended says last."""

import pytest

from caps_hvd.sweep.failure_reason import failure_reason


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", ""),
        ("a\nb\n", "b"),
        ("caps_hvd: error: rank 1: disk full\n-----\nmpirun detected that one or more\n-----\n",
         "rank 1: disk full"),
        ("Traceback (most recent call last):\n  File x\nValueError: bad\n\n", "ValueError: bad"),
        ("# first start\ncaps_hvd: error: old\n# second start\nepoch 1\n", "epoch 1"),
        ("[1]<stderr>:caps_hvd: error: gone\nlater\n", "[1]<stderr>:gone"),
        ("slurmstepd: error: JOB 3 CANCELLED\n", "slurmstepd: error: JOB 3 CANCELLED"),
    ],
)  # fmt: skip
def test_the_failure_reason_in_a_log(tmp_path, log, said):
    (tmp_path / "log").write_text(log)
    assert failure_reason(tmp_path / "log") == said
