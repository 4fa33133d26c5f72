"""The choice of an epoch: by a value on the validation part, and never by the test part.

What is chosen follows from the epochs in the record alone. So all ranks choose alike, and a run
that goes on chooses as if it had never stopped.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.config.validation import MONITORS
from caps_hvd.distributed.communicator import Communicator
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records.record import Epoch
from caps_hvd.records.run_files import RunFiles
from caps_hvd.training import checkpoint


@dataclasses.dataclass(frozen=True)
class Selection:
    """How the best epoch is found, and when no better one is waited for.

    Both are those of Keras' `EarlyStopping`: an epoch is better than the best so far where it is so
    by more than `min_delta`, and training stops after `patience` epochs without a better one.

    Args:
        monitor: one of `MONITORS`.
        patience: epochs; None to train all of them.
        min_delta: in units of what is monitored, 0 or more.

    Example:
        >>> Selection("val_loss", patience=2, min_delta=0.0).best(epochs).epoch
        3
    """

    monitor: str
    patience: int | None = None
    min_delta: float = 0.0

    def best(self, epochs: Sequence[Epoch]) -> Epoch | None:
        """Returns the best of a run's epochs; None where none was validated."""
        sign, best = (1 if MONITORS[self.monitor] else -1), None
        for epoch in epochs:
            if (value := getattr(epoch, self.monitor)) is None:
                continue
            if best is None or sign * (value - getattr(best, self.monitor)) > self.min_delta:
                best = epoch
        return best

    def ends(self, epochs: Sequence[Epoch]) -> bool:
        """Returns whether patience is at an end after these epochs."""
        best = self.best(epochs)
        if self.patience is None or best is None or getattr(epochs[-1], self.monitor) is None:
            return False
        return epochs[-1].epoch - best.epoch >= self.patience


def selection_of(config: TrainConfig) -> Selection | None:
    """Returns the selection that a configuration asks for, None for the last epoch's weights."""
    if not config.validation_fraction:
        return None
    return Selection(config.monitor, config.patience, config.min_delta)


def check_monitor(selection: Selection | None, model) -> None:
    """Refuses to monitor what a model does not compute.

    Raises:
        ConfigError: it is the loss of a decoder that there is not.
    """
    if selection and selection.monitor == "val_reconstruction_loss" and model.decoder is None:
        raise ConfigError(
            "monitor: expected what is computed, received 'val_reconstruction_loss' for a model "
            "without a decoder; take val_loss, or a model with a decoder"
        )


def best_weights(
    selection: Selection | None, directory: RunFiles, progress: checkpoint.Progress
) -> Path:
    """Returns the file with the weights that a run keeps: its checkpoint, or its `best.h5`.

    The checkpoint is written first. Where the last epoch is the best one its weights are in the
    checkpoint, whether or not there was time to write them to `best.h5`.

    Args:
        selection: of the run.
        directory: of the run.
        progress: of its checkpoint.

    Raises:
        RunError: the best weights are those of another epoch than the record says, or are missing.
    """
    best = selection and selection.best(progress.epochs)
    if best is None or best.epoch == progress.epoch:
        return directory.checkpoint
    try:
        kept = checkpoint.read_progress(directory.best).epoch
    except RunError:
        kept = None
    if kept != best.epoch:
        found = "none that can be read" if kept is None else f"those of epoch {kept}"
        raise RunError(
            f"{directory.best}: expected the weights of epoch {best.epoch}, the best one, found "
            f"{found}; put back the file that belongs to {directory.checkpoint}, or start another "
            "run"
        )
    return directory.best


def keep_best(
    selection: Selection | None,
    directory: RunFiles,
    progress: checkpoint.Progress,
    state: dict | None = None,
) -> None:
    """Writes `best.h5` where a checkpoint that has just been written is that of the best epoch.

    Args:
        selection: of the run.
        directory: of the run.
        progress: of its checkpoint.
        state: values of the model and its optimizer. Default: read from the checkpoint.

    Raises:
        RunError: the file cannot be written.
    """
    best = selection and selection.best(progress.epochs)
    if best is None or best.epoch != progress.epoch:
        return
    state = checkpoint.read(directory.checkpoint) if state is None else state
    weights = {name: value for name, value in state.items() if name.startswith("model/")}
    checkpoint.save(directory.best, weights, progress)


def agree_on_best(
    selection: Selection | None,
    directory: RunFiles,
    progress: checkpoint.Progress,
    communicator: Communicator,
    resumed: bool = False,
) -> Path:
    """Returns `best_weights`, which rank 0 finds, on all ranks; collective.

    Args:
        selection: of the run.
        directory: of the run.
        progress: of its checkpoint.
        communicator: of all ranks.
        resumed: whether an earlier session wrote the checkpoint, which may have ended before it had
            written `best.h5`. Default False.
    """
    found = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:
            if resumed:
                keep_best(selection, directory, progress)
            found = best_weights(selection, directory, progress)
    return communicator.broadcast_object(found)
