"""The grid engine with an executor that trains nothing: what is run, repeated, remembered."""

import os
import signal
import subprocess
import sys

import pytest

from caps_hvd.errors import RunError
from caps_hvd.records import sweep_record
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.display import summary_line
from caps_hvd.sweep.engine import Sweep
from caps_hvd.sweep.executors.base import Change
from tests.unit.sweep.fake_training import (
    NAMES,
    REPOSITORY,
    TEXT,
    FakeExecutor,
    files,
    run,
    statuses,
)


def test_all_points_are_trained_once(tmp_path):
    told = []
    _, executor = run(tmp_path, on_change=lambda point, progress: told.append(point.name))
    assert executor.trained == NAMES and executor.stopped
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))
    assert told == [name for name in NAMES for _ in range(2)]
    again, executor = run(tmp_path)
    assert executor.trained == [] and not again.unfinished()
    result = sweep_record.read(tmp_path / "sweep.h5")
    assert (result.name, result.definition) == ("grid", TEXT)
    assert result.versions["horovod"] == "0.28.1"
    assert len(result.points[0].epochs) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "definition.toml", "lock", "points", "state.json", "sweep.h5",
    ]  # fmt: skip


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path):
    code = (
        "import sys; from tests.unit.sweep.fake_training import FakeExecutor, run\n"
        f"run(sys.argv[1], executor=FakeExecutor(kill_at={NAMES[2]!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [each[0] for each in statuses(tmp_path).values()] == ["finished"] * 2 + ["planned"] * 2
    times = {name: files(tmp_path, name).record.stat().st_mtime_ns for name in NAMES[:2]}
    _, executor = run(tmp_path)
    assert executor.trained == NAMES[2:]
    for name, before in times.items():
        assert files(tmp_path, name).record.stat().st_mtime_ns == before
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


def test_a_failing_point_stops_nobody_and_says_why(tmp_path):
    sweep, executor = run(tmp_path, executor=FakeExecutor(fail=NAMES[1:2]))
    assert executor.trained == NAMES
    assert statuses(tmp_path)[NAMES[1]] == ("failed", "exit code 2: no memory")
    assert [point.name for point in sweep.failed()] == NAMES[1:2]
    assert summary_line(sweep) == f"3 of 4 points finished, 1 failed; {tmp_path}/sweep.h5"
    _, executor = run(tmp_path, retry_failed=False)
    assert executor.trained == [] and statuses(tmp_path)[NAMES[1]][0] == "failed"
    _, executor = run(tmp_path)
    assert executor.trained == NAMES[1:2]
    assert statuses(tmp_path)[NAMES[1]] == ("finished", "")


def test_a_point_that_ends_well_without_a_record_has_failed(tmp_path):
    class Idle(FakeExecutor):
        def poll(self):
            return [Change(self.left.pop(0).point.name, "ended")]

    run(tmp_path, executor=Idle())
    assert statuses(tmp_path)[NAMES[0]] == ("failed", "it left no whole record")


def test_a_damaged_record_is_a_failure_that_is_told(tmp_path):
    run(tmp_path)
    files(tmp_path, NAMES[0]).record.write_text("{")
    _, executor = run(tmp_path, retry_failed=False)
    assert "not a JSON file" in statuses(tmp_path)[NAMES[0]][1] and executor.trained == []


def test_a_record_of_another_version_fails_its_point_only(tmp_path):
    run(tmp_path)
    record = files(tmp_path, NAMES[0]).record
    record.write_text(record.read_text().replace('"batch_size": 32', '"batch_size": 0'))
    sweep, _ = run(tmp_path, retry_failed=False)
    assert [point.name for point in sweep.failed()] == NAMES[:1]
    error = statuses(tmp_path)[NAMES[0]][1]
    assert error.startswith(f"{record}: batch_size: ") and error.endswith(
        "remove it to train again"
    )


def test_two_sweeps_in_one_folder(tmp_path):
    directory = SweepDirectory(tmp_path)
    with directory.locked(), pytest.raises(RunError) as caught, directory.locked():
        pass
    assert f"process {os.getpid()} on" in str(caught.value) and "\n" not in str(caught.value)
    with directory.locked():
        pass


def test_collecting_runs_nothing(tmp_path):
    run(tmp_path, executor=FakeExecutor(fail=NAMES[3:]))
    (tmp_path / "sweep.h5").unlink()
    with SweepDirectory(tmp_path).locked():
        Sweep(definition_file.parse(TEXT, "grid.toml"), SweepDirectory(tmp_path)).collect(
            FakeExecutor()
        )
    assert [each[0] for each in statuses(tmp_path).values()] == ["finished"] * 3 + ["failed"]


def test_a_damaged_state_is_refused(tmp_path):
    run(tmp_path)
    (tmp_path / "state.json").write_text('{"points": 3}')
    with pytest.raises(RunError, match="state.json: cannot be read .*remove it"):
        run(tmp_path)
