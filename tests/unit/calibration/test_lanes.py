"""Calibrating lanes, with lanes that take as long as they are told."""

import pytest

from caps_hvd.calibration import lane_timing
from caps_hvd.calibration import lanes as lane_calibration
from caps_hvd.cli import cli
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.lanes import lane_times as calibrations
from caps_hvd.lanes import time_model


@pytest.fixture
def no_time(monkeypatch):
    """Steps that take depth · width² ms each, and are not taken."""
    monkeypatch.setattr(lane_calibration, "start_keras", lambda: None)
    monkeypatch.setattr("caps_hvd.distributed.use_threads", lambda *_: None)
    monkeypatch.setattr(lane_timing, "lane_step", lambda lane, *_: lane)
    monkeypatch.setattr(
        lane_timing,
        "time_steps",
        lambda lanes, rounds, say: tuple(1e-3 * lane.depth * lane.width**2 for lane in lanes),
    )


def run(*arguments):
    cli.main(args=["lanes", "calibrate", *map(str, arguments)], standalone_mode=False)


def test_writes_what_was_measured_and_prints_it(no_time, tmp_path, capsys):
    path = tmp_path / "c.json"
    run("--output", path, "--lane-type", "mlcn2", "--check")
    found = calibrations.read(path)
    own = found.of("mlcn2")
    assert [(one.width, one.depth) for one in own.timed] == list(time_model.FITTED)
    assert [(one.width, one.depth) for one in own.checked] == list(time_model.JUDGED)
    assert own.published == pytest.approx(1e-3)
    assert (found.threads, found.batch_size, found.image_shape) == (1, 10, [28, 28, 1])
    assert found.command_line[-3:] == ["--lane-type", "mlcn2", "--check"]
    printed = capsys.readouterr().out
    assert "16 lanes that were not fitted on" in printed and printed.endswith(f"{path}\n")


def test_all_types_and_no_file(no_time, capsys):
    run()
    assert "mlcn1, the 9 lanes fitted on, no others were timed" in capsys.readouterr().out


def test_refuses_before_anything_is_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(lane_calibration, "start_keras", lambda: pytest.fail("started"))
    with pytest.raises(ConfigError, match=r"lane 2 \(mlcn1, width 1, depth 5\): deeper than the"):
        run("--image-shape", "20x20x1")
    with pytest.raises(RunError, match="no/c.json: cannot write there; choose another folder"):
        run("--output", tmp_path / "no" / "c.json")
    with pytest.raises(ConfigError, match="--lane-type: expected one of mlcn1, mlcn2, rec.*mlcn7"):
        run("--lane-type", "mlcn7")


def test_refuses_ranks_and_other_backends(monkeypatch):
    monkeypatch.setattr("caps_hvd.distributed.comm.launched_size", lambda: 2)
    with pytest.raises(ConfigError, match="expected one process, received 2 ranks"):
        lane_calibration.calibrate()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(ConfigError, match="expected tensorflow to calibrate, received jax"):
        lane_calibration.calibrate()
