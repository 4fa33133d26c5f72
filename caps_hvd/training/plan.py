"""The plan of a run: its configuration, its directory, and how far it has come."""

import dataclasses
import importlib.util

from caps_hvd.config import own_model
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset
from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import ConfigError
from caps_hvd.records.record import Record
from caps_hvd.system.installation import advice
from caps_hvd.training.build import load_dataset
from caps_hvd.training.checkpoint import Progress
from caps_hvd.training.run_directory import (
    RunDirectory,
    default_path,
    examine,
    finished_record,
    newest_run,
)


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """Where a run goes and how far it has come; the same on every rank.

    Args:
        config: the experiment, rank 0's.
        directory: where its results go.
        progress: how far an earlier session has come, None for a fresh start.
        finished: record of an earlier session that left nothing to do.
    """

    config: TrainConfig
    directory: RunDirectory
    progress: Progress | None
    finished: Record | None

    @property
    def compression(self) -> str:
        """What was asked for; a resumed run stays with what `auto` chose when it began."""
        if self.config.compression == "auto" and self.progress is not None:
            return self.progress.sessions[0].compression
        return self.config.compression


def make_plan(config: TrainConfig, communicator: Communicator) -> tuple[RunPlan, Dataset]:
    """Rank 0 examines the run directory and tells the others; every rank opens the data set.

    Raises:
        ConfigError: TensorBoard's events are asked for, and there is no TensorFlow; or a run shall
            be gone on with, and it is not said which; or the file of a model of one's own is not
            there, or has changed.
        RunError: the run directory is in use, or belongs to another run.
        DataError: the data set cannot be read.
    """
    plan = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:
            _check_events(config)
            _check_resume(config)
            config = with_digest(config)
            directory = RunDirectory.at(config.run_dir or default_path(config))
            progress = examine(directory, config)
            plan = RunPlan(config, directory, progress, finished_record(directory, config))
    plan = communicator.broadcast_object(plan)
    with communicator.raise_on_all_ranks():
        with_digest(plan.config)  # the file of a model of one's own, on this rank's host
        return plan, load_dataset(plan.config)


def with_digest(config: TrainConfig) -> TrainConfig:
    """The configuration with the digest of its model's file, where the model is the user's own.

    Raises:
        ConfigError: the file is not there, or not the one whose digest the configuration has.
    """
    if not own_model.is_own(config.model):
        return config
    found = own_model.read(config.model, config.model_sha256)
    return dataclasses.replace(config, model_sha256=found.sha256)


def _check_events(config):
    # Keras has TensorFlow write them, on its other backends too.
    if config.tensorboard and importlib.util.find_spec("tensorflow") is None:
        raise ConfigError(
            "tensorboard: expected TensorFlow, which writes the events, to be installed; "
            f"{advice('cpu')}, or leave --tensorboard out"
        )


def _check_resume(config):
    if not config.resume or config.run_dir:
        return
    newest = newest_run()
    found = f"the newest one here is --run-dir {newest}" if newest else "there is none in runs/"
    raise ConfigError(f"--resume: expected --run-dir, the folder of the run to go on with; {found}")
