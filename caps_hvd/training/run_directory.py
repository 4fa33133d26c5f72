"""The folder of a run: what lies in it, and whether a run may start or go on there.

config.toml        the experiment; `caps-hvd train --config` takes it as it is
checkpoint.h5      weights, optimizer, epoch and seed after the last whole epoch
best.h5            weights of the best epoch so far, where there is a validation part
history.csv        one row per epoch
model.weights.h5   Keras weights, at the end
model.py           copy of the file of a model of one's own, where the run trains such a model
record.json        everything about the run, at the end; see `caps_hvd.records.record`
events/            TensorBoard events, on request
lock               held by the training that writes here
"""

import contextlib
import csv
import dataclasses
import shlex
from datetime import UTC, datetime
from pathlib import Path

from caps_hvd.config import own_model
from caps_hvd.config.file import of_run, read_file
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io import lock
from caps_hvd.io.atomic import remove_partial, replacing
from caps_hvd.io.options import flag, plain
from caps_hvd.records import record
from caps_hvd.records.record import Epoch, Record
from caps_hvd.records.run_files import RunFiles
from caps_hvd.training import checkpoint
from caps_hvd.training.checkpoint import Progress

RUNS = "runs"  # the folder of runs that were given none


class RunDirectory(RunFiles):
    """The files of a run, as training writes them."""

    @contextlib.contextmanager
    def taken(self, config: TrainConfig, progress: Progress | None):
        """Makes the folder, keeps every other training out of it, and writes the experiment there.

        Args:
            config: the experiment.
            progress: what `examine` has found.

        Raises:
            RunError: another training writes there, or has done so meanwhile; or nobody can.
        """
        with contextlib.ExitStack() as held:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                held.enter_context(lock.held(self.lock, self._in_use))
            except OSError as error:
                raise RunError(
                    f"--run-dir: cannot write into the folder {self}: {error.strerror}; name "
                    "another one"
                ) from None
            now = examine(self, config)
            if (now and now.epoch) != (progress and progress.epoch):
                raise RunError(
                    f"--run-dir: another training has written into {self} since this one was "
                    "started; start it again"
                )
            remove_partial(self.path)
            with replacing(self.config) as partial:
                partial.write_text(config.to_toml(), encoding="utf-8")
            self._keep_model(config)
            yield

    def _keep_model(self, config):
        """Copies the file that builds the model, so that the run can be loaded later."""
        if own_model.is_own(config.model):
            found = own_model.read(config.model, config.model_sha256)
            if found.module is None:
                with replacing(self.own_model) as partial:
                    partial.write_bytes(found.source)

    def _in_use(self, owner) -> RunError:
        return RunError(
            f"--run-dir: another training writes into {self} ({owner}); wait for its end, or name "
            "another folder"
        )

    def write_history(self, epochs: list[Epoch]) -> None:
        """Writes one row per epoch, all of them at once, so that a resumed run repeats none."""
        columns = [field.name for field in dataclasses.fields(Epoch)]
        with replacing(self.history) as partial, open(partial, "w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(dataclasses.asdict, epochs))


def default_path(config: TrainConfig, now: datetime | None = None) -> str:
    """Where a run goes that was given no folder: `<RUNS>/<model>-<dataset>-<UTC time>`."""
    now = now or datetime.now(UTC)
    dataset = Path(config.dataset).stem
    return f"{RUNS}/{own_model.short_name(config.model)}-{dataset}-{now:%Y%m%dT%H%M%SZ}"


def newest_run() -> Path | None:
    """The run below `RUNS` whose checkpoint was written last, None where there is none."""
    checkpoints = Path(RUNS).glob("*/checkpoint.h5")
    newest = max(checkpoints, key=lambda path: path.stat().st_mtime, default=None)
    return newest and newest.parent


def examine(directory: RunDirectory, config: TrainConfig) -> Progress | None:
    """Finds out whether a run may start in a folder (None) or go on there (how far it has come).

    Raises:
        RunError: the folder is in use and `resume` was not asked for, or the run in it is a
            different one.
    """
    if not directory.path.exists() or set(directory.path.iterdir()) <= {directory.lock}:
        return None
    if not config.resume:
        raise RunError(
            f"the run directory {directory} exists and is not empty; go on with that run with "
            "--resume, or name another folder with --run-dir"
        )
    if directory.config.exists():
        _check_same_experiment(directory, config)
    if not directory.checkpoint.exists():
        return None
    progress = checkpoint.read_progress(directory.checkpoint)
    if progress.config_digest != config.digest():
        raise RunError(
            f"{directory.checkpoint} belongs to another configuration than {directory.config}; "
            "name another folder with --run-dir"
        )
    return progress


def finished_record(directory: RunDirectory, config: TrainConfig) -> Record | None:
    """The record of a run with all the epochs that are asked for, or stopped early, else None."""
    if not (config.resume and directory.record.exists()):
        return None
    found = record.read(directory.record)
    return found if found.is_finished(config.epochs) else None


def read_config(directory: RunDirectory) -> TrainConfig:
    """The experiment of a run.

    Raises:
        ConfigError: the folder is not a run directory, or its `config.toml` is damaged.
    """
    if not directory.config.is_file():
        found = "has no config.toml" if directory.path.is_dir() else "is not a folder"
        raise ConfigError(
            f"RUN: expected a run directory, but {directory} {found}; name the folder that "
            "training named at its end"
        )
    return TrainConfig(**of_run(read_file(directory.config)))


def with_kept_model(directory: RunDirectory, config: TrainConfig) -> TrainConfig:
    """The configuration of a run with the copy of its model's file, which lies in its folder.

    Raises:
        RunError: the run trains a model of one's own, and its copy is not there.
    """
    if not own_model.is_own(config.model):
        return config
    place, function = own_model.parse(config.model)
    if not place.endswith(".py"):
        return config  # a module that is installed
    if not directory.own_model.is_file():
        raise RunError(
            f"{directory}: expected {directory.own_model.name}, the copy of {place} that builds "
            "the model; put that file there"
        )
    return dataclasses.replace(config, model=f"{directory.own_model}:{function}")


def check_has_weights(directory: RunDirectory) -> None:
    """Refuses a run that has no weights to be used.

    Raises:
        RunError: it has none; the message says whether there will be some.
    """
    if not directory.weights.exists() and not directory.checkpoint.exists():
        raise RunError(f"{directory} has no weights{_why_no_weights(directory)}")


def _why_no_weights(directory) -> str:
    owner, ended = None, "its training ended before the first epoch was whole;"
    try:
        owner = lock.holder(directory.lock)
    except OSError:  # a file system without locks
        ended = "no epoch is whole so far; wait while it is in training, else"
    if owner is not None:
        return f" yet: it is in training ({owner}); wait for the end of its first epoch"
    if not directory.record.exists():
        return f": {ended} start it again with `{resume_command(directory)}`"
    failure = record.read(directory.record).failure
    if failure is not None:
        return f", since its training has failed: {failure.reason}"
    files = f"{directory.weights.name} and {directory.checkpoint.name}"
    return f", though its training is finished: put {files} back into the folder"


def resume_command(directory: RunDirectory) -> str:
    """Returns the command that goes on with a run, on one rank."""
    return f"caps-hvd train --resume --run-dir {shlex.quote(str(directory))}"


def _check_same_experiment(directory, config):
    begun = read_config(directory)
    different = [
        f"{flag(name)} (the run has {before}, received {now})"
        for name in begun.deciding_names()
        if (before := plain(getattr(begun, name))) != (now := plain(getattr(config, name)))
    ]
    if different:
        if begun.epochs != config.epochs and "epochs" in begun.deciding_names():
            different.append("its learning rate was planned over all epochs")
        raise RunError(
            f"cannot resume {directory} with another configuration: {', '.join(different)}; "
            "give the run's values, or name another folder with --run-dir"
        )
