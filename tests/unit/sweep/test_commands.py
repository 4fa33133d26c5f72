"""`caps-hvd sweep` in this process."""

from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.sweep import commands
from caps_hvd.sweep.options import SweepOptions
from tests.unit.sweep.fake_training import NAMES, TEXT, FakeExecutor


@pytest.fixture(autouse=True)
def executor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("grid.toml").write_text(TEXT)
    executor = FakeExecutor()
    monkeypatch.setattr(commands, "executor_for", lambda _: executor)
    return executor


def sweep(path="grid.toml", **options):
    commands.run(path, SweepOptions(**options))


def test_a_dry_run_writes_nothing(executor, capsys):
    sweep(dry_run=True)
    assert capsys.readouterr().out.splitlines()[-1] == "4 points; sweeps/grid"
    assert not Path("sweeps").exists() and executor.trained == []
    sweep()
    sweep(dry_run=True)
    assert capsys.readouterr().out.splitlines()[-2].split()[-2:] == ["2", "2"]


def test_a_dry_run_refuses_what_the_run_would_refuse():
    sweep()
    Path("grid.toml").write_text(TEXT.replace("batch_size = 32", "batch_size = 16"))
    with pytest.raises(RunError, match="was begun with train.batch_size = 32"):
        sweep(dry_run=True)


def test_an_interrupted_sweep_says_how_to_go_on(executor, capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(executor, "poll", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep()
    assert "stopped, the same command goes on: 0 of 4 points" in capsys.readouterr().out


def test_a_dry_run_counts_jobs(capsys):
    Path("grid.toml").write_text(f'launcher = "slurm"\n{TEXT}')
    sweep(dry_run=True)
    assert capsys.readouterr().out.splitlines()[-1] == ("4 points in 4 jobs of Slurm; sweeps/grid")


def test_the_folder_stands_for_the_definition(executor, capsys):
    executor.fail = NAMES[3:]
    with pytest.raises(RunError) as caught:
        sweep()
    assert str(caught.value) == (
        f"sweeps/grid: 1 of 4 points failed; their logs: sweeps/grid/points/{NAMES[3]}.log"
    )
    executor.fail, executor.trained = (), []
    sweep("sweeps/grid")
    assert executor.trained == NAMES[3:]
    sweep("sweeps/grid", collect=True)
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 of 4 points finished")


def test_the_folder_keeps_the_hosts(executor, capsys):
    Path("lab").write_text("localhost slots=2  # here\n")
    Path("hosts.toml").write_text(f'hostfile = "lab"\n{TEXT}')
    sweep("hosts.toml", output="elsewhere")
    Path("lab").unlink()
    sweep("elsewhere")
    assert executor.trained == NAMES
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 of 4 points finished")


def test_hosts_that_nobody_knows():
    Path("lab").write_text("localhost\nno-such-host.invalid\n")
    text = f'hostfile = "lab"\nmachine_counts = [1, 2]\n{TEXT}'
    Path("hosts.toml").write_text(text)
    with pytest.raises(ConfigError, match="lab: line 2: .*no-such-host.invalid"):
        sweep("hosts.toml")
    assert not Path("sweeps").exists()


def test_a_host_file_that_is_not_there():
    Path("hosts.toml").write_text(f'machine_counts = [1, 2]\nhostfile = "none"\n{TEXT}')
    with pytest.raises(ConfigError, match="^hosts.toml: line 2: hostfile: expected a file, "):
        sweep("hosts.toml")


def test_a_folder_that_is_no_sweep():
    with pytest.raises(ConfigError, match="without a definition.toml"):
        sweep(".")


def test_only_a_queue_can_be_left_alone():
    with pytest.raises(ConfigError, match="--detach.*tmux"):
        sweep(detach=True)
