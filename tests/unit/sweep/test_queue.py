"""A sweep with jobs in a queue, of Slurm or of an executor that pretends one."""

import pytest

from caps_hvd.errors import RunError
from caps_hvd.sweep import definition_file
from caps_hvd.sweep import state as sweep_state
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.display import event_line
from caps_hvd.sweep.engine import Sweep
from caps_hvd.sweep.executors.base import Change
from caps_hvd.sweep.executors.slurm import SlurmExecutor
from caps_hvd.sweep.options import SweepOptions
from caps_hvd.system import slurm_queue
from tests.unit.sweep.fake_slurm import FakeSlurm
from tests.unit.sweep.fake_training import NAMES, TEXT, FakeExecutor, files, run, statuses

SLURM = TEXT.replace("\n", '\nlauncher = "slurm"\n', 1)


def submit(folder, text=SLURM):
    definition = definition_file.parse(text, "grid.toml")
    directory = SweepDirectory(folder)
    with directory.locked():
        sweep = Sweep(definition, directory)
        sweep.run(SlurmExecutor(definition), SweepOptions(detach=True))
    return sweep


def jobs(folder):
    state = sweep_state.read(folder / "state.json")
    return [state.of(name).job for name in NAMES]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("size = 32", "size = 16"), "train.batch_size = 32, and grid.toml says 16"),
        (('"slurm"', '"mpirun"'), "launcher = 'slurm', and grid.toml says 'mpirun'"),
    ],
)
def test_what_waits_is_not_made_something_else(monkeypatch, tmp_path, change, words):
    fake = FakeSlurm(monkeypatch)
    submit(tmp_path)
    changed = SLURM.replace(*change)
    with pytest.raises(RunError) as caught:
        submit(tmp_path, changed)
    assert str(caught.value) == (
        f"{tmp_path}/points/{NAMES[0]} is in Slurm's queue as job 100, with {words} (3 more "
        "points differ, too); set the value back, cancel with `scancel 100 101 102 103`, or "
        "name another folder with --output"
    )
    fake.found = dict.fromkeys(map(str, range(100, 104)), "cancelled")
    run(tmp_path, changed)  # trains here: nothing waits any more
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))


def test_what_waits_may_get_more_epochs(monkeypatch, tmp_path):
    fake = FakeSlurm(monkeypatch)
    submit(tmp_path)
    submit(tmp_path, SLURM.replace("epochs = 2", "epochs = 3"))
    assert "epochs = 3" in files(tmp_path, NAMES[0]).config.read_text()
    assert len(fake.scripts) == 4


@pytest.mark.parametrize("mode", ["jobs", "array"])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_kill_at_any_moment_of_a_submission_submits_nothing_twice(
    monkeypatch, tmp_path, mode, accepted
):
    fake = FakeSlurm(monkeypatch)
    sbatch = fake.sbatch

    def killed(script, **options):
        if accepted or options.get("test_only"):
            sbatch(script, **options)
        if not options.get("test_only"):
            raise KeyboardInterrupt

    monkeypatch.setattr(slurm_queue, "sbatch", killed)
    text = f'{SLURM}[slurm]\nmode = "{mode}"\n'
    with pytest.raises(KeyboardInterrupt):
        submit(tmp_path, text)
    assert not any(job.partition("_")[0].isdecimal() for job in jobs(tmp_path))
    monkeypatch.setattr(slurm_queue, "sbatch", sbatch)
    submit(tmp_path, text)
    if mode == "array":
        assert jobs(tmp_path) == ["100_0", "100_1", "100_2", "100_3"]
    else:
        assert jobs(tmp_path) == ["100", "101", "102", "103"]
    assert sorted(fake.scripts) == sorted({int(job[:3]) for job in jobs(tmp_path)})


def test_the_state_is_written_once_for_each_submission(monkeypatch, tmp_path):
    FakeSlurm(monkeypatch)
    written = []
    write = sweep_state.write
    monkeypatch.setattr(
        sweep_state, "write", lambda path, state: (written.append(path), write(path, state))
    )
    submit(tmp_path, f'{SLURM}[slurm]\nmode = "array"\n')
    assert len(written) == 4  # before, the name, the number, at the end


def test_jobs_in_a_queue_are_watched_and_not_submitted_again(tmp_path):
    class Queue(FakeExecutor):
        def start(self, tasks):
            super().start(tasks)
            for number, task in enumerate(tasks):
                name = task.point.name
                yield [Change(name, "waiting", job=task.job or f"{number}")]

    _, executor = run(tmp_path, executor=Queue(), detach=True)
    assert executor.trained == []
    assert [sweep_state.read(tmp_path / "state.json").of(name).job for name in NAMES] == list(
        "0123"
    )
    told = []
    _, executor = run(
        tmp_path,
        executor=Queue(jobs={"1": "cancelled"}),
        on_change=lambda *change: told.append(event_line(*change)[10:]),
    )
    assert executor.watched == {NAMES[0]: "0", NAMES[2]: "2", NAMES[3]: "3"}
    assert f"{NAMES[1]}  failed  Slurm's job 7 was cancelled" in told
    assert statuses(tmp_path) == dict.fromkeys(NAMES, ("finished", ""))
