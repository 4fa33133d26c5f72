"""Which options a resumed run must share with the run that it goes on with."""

import dataclasses
import os

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import Communicator, Peer
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.training.plan import make_plan
from caps_hvd.training.run_directory import RunDirectory, examine


@pytest.fixture
def begin(tmp_path):
    def begin(**options):
        directory, config = RunDirectory.at(tmp_path), TrainConfig(**options)
        with directory.taken(config, None):
            pass
        return directory, dataclasses.replace(config, resume=True)

    return begin


def test_a_run_may_get_more_epochs(begin):
    directory, config = begin(epochs=10)
    assert examine(directory, dataclasses.replace(config, epochs=12)) is None


def test_not_if_its_policy_is_planned_over_all_epochs(begin):
    directory, config = begin(epochs=10, policy="one-cycle")
    assert examine(directory, config) is None
    with pytest.raises(
        RunError, match=r"--epochs \(the run has 10, received 12\), its learning rate"
    ):
        examine(directory, dataclasses.replace(config, epochs=12))


def test_which_run_must_be_named(tmp_path, monkeypatch):
    """Without a folder there is nothing to go on from, and a new run is not what was asked for."""
    monkeypatch.chdir(tmp_path)
    config, alone = TrainConfig(resume=True, dataset="digits"), Communicator(peers=(Peer.this(),))
    with pytest.raises(ConfigError, match=r"--resume: expected --run-dir.*there is none in runs/"):
        make_plan(config, alone)
    for seconds, name in enumerate(("newer", "older")):
        checkpoint = tmp_path / "runs" / name / "checkpoint.h5"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.touch()
        os.utime(checkpoint, (-seconds, -seconds))
    with pytest.raises(ConfigError, match=r"the newest one here is --run-dir runs/newer$"):
        make_plan(config, alone)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
