"""What a sweep may become: it grows, and what was begun stays what it was planned to be."""

import time

import pytest

from caps_hvd.errors import RunError
from caps_hvd.records import sweep_record
from caps_hvd.sweep.display import event_line
from caps_hvd.sweep.executors.base import Change
from tests.unit.sweep.fake_training import NAMES, TEXT, FakeExecutor, files, run, statuses, train

MORE = TEXT.replace("epochs = 2", "epochs = 3")


def test_a_sweep_grows(tmp_path):
    run(tmp_path)
    _, executor = run(tmp_path, TEXT.replace("repetitions = 2", "repetitions = 3"))
    assert executor.trained == ["m1-learning_rate_0.001-rep2", "m1-learning_rate_0.01-rep2"]
    _, executor = run(tmp_path, TEXT.replace("epochs = 2", "epochs = 3"))
    assert executor.trained == NAMES  # they go on, from epoch 3
    assert len(sweep_record.read(tmp_path / "sweep.h5").points[0].epochs) == 3


class Distant(FakeExecutor):
    """Ends a task well; what it has trained is seen here at once, or when somebody waits for it."""

    settle_seconds = 60.0

    def __init__(self, epochs, late=False):
        super().__init__()
        self.epochs, self.late, self.unseen = epochs, late, []

    def poll(self):
        task = self.left.pop(0)
        self.trained.append(task.point.name)
        self.unseen.append(task)
        if not self.late:
            self.arrive()
        return [Change(task.point.name, "ended")]

    def arrive(self, seconds=1.0):
        while seconds and self.unseen:
            train(self.unseen.pop(), self.epochs)


def test_a_job_from_before_the_epochs_were_raised_has_not_failed(tmp_path, monkeypatch):
    executor = Distant(epochs=2)
    monkeypatch.setattr(time, "sleep", lambda seconds: seconds and pytest.fail("it waits"))
    told = []
    sweep, _ = run(
        tmp_path, MORE, executor, on_change=lambda *change: told.append(event_line(*change))
    )
    assert executor.trained == NAMES and not sweep.failed()
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("planned", ""))
    assert told[0].endswith(f"{NAMES[0]}  planned  from epoch 3 on")
    _, executor = run(tmp_path, MORE, retry_failed=False)
    assert executor.trained == NAMES
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


def test_a_record_from_before_does_not_hide_that_the_new_one_is_late(tmp_path, monkeypatch):
    run(tmp_path)
    executor = Distant(epochs=3, late=True)
    monkeypatch.setattr(time, "sleep", executor.arrive)
    run(tmp_path, MORE, executor)
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("batch_size = 32", "batch_size = 16"),
            ["batch_size = 32", "grid.toml says 16", "3 more"],
        ),
        (("epochs = 2", "epochs = 1"), ["epochs = 2", "says 1"]),
        (('name = "grid"', 'name = "grid"\ndevice = "cpu"'), ["device = 'auto'", "says 'cpu'"]),
        (('name = "grid"', 'name = "grid"\nlauncher = "mpirun"'), ["launcher = 'auto'"]),
        (('name = "grid"', 'name = "other"'), ["holds the sweep 'grid', not 'other'"]),
    ],
)
def test_what_was_begun_is_not_made_something_else(tmp_path, change, words):
    run(tmp_path)
    before = (tmp_path / "definition.toml").read_text()
    executor = FakeExecutor()
    with pytest.raises(RunError) as caught:
        run(tmp_path, TEXT.replace(*change), executor)
    for word in [*words, "--output"]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value) and executor.trained == []
    assert (tmp_path / "definition.toml").read_text() == before


def test_what_trained_nothing_yet_may_be_changed(tmp_path):
    run(tmp_path, executor=FakeExecutor(fail=NAMES))
    _, executor = run(tmp_path, TEXT.replace("batch_size = 32", "batch_size = 16"))
    assert executor.trained == NAMES
    assert "batch_size = 16" in files(tmp_path, NAMES[0]).config.read_text()


def test_more_epochs_are_another_run_where_the_policy_is_planned_over_all_of_them(tmp_path):
    text = TEXT.replace("batch_size = 32", 'policy = "one-cycle"')
    run(tmp_path, text)
    with pytest.raises(RunError, match=r"was begun with train.epochs = 2, and grid.toml says 3"):
        run(tmp_path, text.replace("epochs = 2", "epochs = 3"))


def test_a_record_of_other_options_is_not_this_points(tmp_path):
    run(tmp_path)
    record = files(tmp_path, NAMES[0]).record
    record.write_text(record.read_text().replace('"batch_size": 32', '"batch_size": 64'))
    sweep, executor = run(tmp_path, retry_failed=False)
    assert executor.trained == [] and [point.name for point in sweep.failed()] == NAMES[:1]
    status, error = statuses(tmp_path)[NAMES[0]]
    assert status == "failed" and error == (
        f"{tmp_path}/points/{NAMES[0]}: holds a run with batch_size = 64, planned is 32; "
        "remove it to train again"
    )


def test_what_a_point_reads_is_not_written_again(tmp_path):
    run(tmp_path, executor=FakeExecutor(fail=NAMES))
    config, plan = files(tmp_path, NAMES[0]).config, tmp_path / "points" / f"{NAMES[0]}.toml"
    before = [path.stat().st_ino for path in (config, plan)]
    left = tmp_path / "points" / ".partial-1.m1.toml"
    left.touch()
    run(tmp_path, executor=FakeExecutor(fail=NAMES))
    assert [path.stat().st_ino for path in (config, plan)] == before
    assert not left.exists()
    run(tmp_path, MORE)
    assert "epochs = 3" in config.read_text() and "epochs = 3" in plan.read_text()
