"""Which options a resumed run must share with the run that it goes on with."""

import dataclasses

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import RunError
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
