"""The journal of a run: after each epoch its checkpoint, its history, a line for people."""

import dataclasses

import keras

from caps_hvd.config.validation import MONITORS
from caps_hvd.distributed.callbacks import EpochTimer
from caps_hvd.distributed.comm import Communicator
from caps_hvd.records.record import EPOCH_PARTS, Epoch, Session
from caps_hvd.schedules import Schedule
from caps_hvd.training import checkpoint
from caps_hvd.training.callbacks.progress import epoch_line
from caps_hvd.training.callbacks.stuck import StuckDetector
from caps_hvd.training.checkpoint import Progress
from caps_hvd.training.run_directory import RunDirectory
from caps_hvd.training.selection import Selection, keep_best
from caps_hvd.training.strategies.strategy import Strategy

# Significant ones: a rate may be tiny, and a float32 has no more.
_RATE_DIGITS = 7


class Journal(keras.callbacks.Callback):
    """Saves a run after every epoch, whole or not at all, on rank 0, and prints the epoch's line.

    It comes after the callbacks that average, time and test an epoch. Where writing fails, all
    ranks end with the same error; the last checkpoint is still there. It also keeps the weights of
    the best epoch, and ends training, on all ranks, where patience is at an end.

    Args:
        directory: the run's folder.
        strategy: how the model is spread over the ranks.
        progress: how far the run had come before this session.
        session: this start of the program.
        timer: `EpochTimer` that times the epochs of this session.
        detector: `StuckDetector` that tells the state of each epoch.
        schedule: of the run.
        selection: of the best epoch, None where the last one's weights are kept. Default None.

    Attributes:
        progress: how far the run has come.
        saved_epochs: whole epochs in the checkpoint.
    """

    def __init__(
        self, directory, strategy, progress, session, timer, detector, schedule, selection=None
    ):
        super().__init__()
        self.directory: RunDirectory = directory
        self.strategy: Strategy = strategy
        self.communicator: Communicator = strategy.ranks.world
        self.progress: Progress = progress
        self.session: Session = session
        self.timer: EpochTimer = timer
        self.detector: StuckDetector = detector
        self.schedule: Schedule = schedule
        self.selection: Selection | None = selection
        self.saved_epochs = progress.epoch
        self._earlier = progress.sessions

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        # What `auto` has chosen is known only now.
        session = dataclasses.replace(self.session, compression=optimizer.reduction.compression)
        global_batch, ranks = self.schedule.global_batch(epoch), self.strategy.ranks
        entry = _entry(
            epoch + 1,
            logs,
            self.timer.epochs[-1],
            float(optimizer.learning_rate),
            state=self.detector.state,
            images_per_step=global_batch,
            empty_ranks=max(0, ranks.across.size - global_batch) * ranks.within.size,
        )
        self.progress = dataclasses.replace(
            self.progress,
            epoch=epoch + 1,
            epochs=[*self.progress.epochs, entry],
            sessions=[*self._earlier, session],
        )
        state = self.strategy.state_dict(self.model, optimizer)
        with self.communicator.raise_on_all_ranks():
            if self.communicator.rank == 0:
                checkpoint.save(self.directory.checkpoint, state, self.progress)
                keep_best(self.selection, self.directory, self.progress, state)
                self.directory.write_history(self.progress.epochs)
        self.saved_epochs = self.progress.epoch
        if self.communicator.rank == 0:
            print(epoch_line(entry, self.schedule.calendar.epochs), flush=True)
        if self.selection and self.selection.ends(self.progress.epochs):
            self.model.stop_training = True


def _entry(number, logs, timed, learning_rate, **facts) -> Epoch:
    """An epoch of the record, from Keras' names: without a decoder there is only one loss."""
    loss = logs["loss"]
    return Epoch(
        epoch=number,
        seconds=_rounded(timed["seconds"]),
        images_per_second=_rounded(timed["images_per_second"]),
        learning_rate=float(f"{learning_rate:.{_RATE_DIGITS}g}"),
        train_loss=_rounded(loss),
        train_score_loss=_rounded(logs.get("scores_loss", loss)),
        train_reconstruction_loss=_rounded(logs.get("reconstruction_loss")),
        train_accuracy=_rounded(logs.get("scores_accuracy", logs.get("accuracy"))),
        test_loss=_rounded(logs.get("test_loss")),
        test_accuracy=_rounded(logs.get("test_accuracy")),
        test_balanced_accuracy=_rounded(logs.get("test_balanced_accuracy")),
        test_score_spread=_rounded(logs.get("test_score_spread"), 9),
        evaluation_seconds=_rounded(logs.get("evaluation_seconds")),
        energy_joules=_rounded(logs.get("energy_joules"), 3),
        **{name: _rounded(logs.get(name)) for name in MONITORS},
        val_score_spread=_rounded(logs.get("val_score_spread"), 9),
        bytes_per_step=timed.get("bytes_per_step"),
        **facts,
        **{f"{part}_seconds": _rounded(timed.get(f"{part}_seconds")) for part in EPOCH_PARTS},
    )


def _rounded(value, digits=6):
    return None if value is None else round(float(value), digits)
