"""The callbacks of a run, in the order in which they depend on each other."""

import dataclasses
import functools
from typing import TYPE_CHECKING

import keras

from caps_hvd.data.pipeline import Pipeline
from caps_hvd.distributed import callbacks
from caps_hvd.records.record import Session
from caps_hvd.schedules import scaled_learning_rate
from caps_hvd.training.callbacks.energy import EnergyMeter
from caps_hvd.training.callbacks.journal import Journal
from caps_hvd.training.callbacks.progress import ProgressBar, on_a_terminal
from caps_hvd.training.callbacks.stuck import StuckDetector
from caps_hvd.training.callbacks.unchanged import UnchangedWeights
from caps_hvd.training.evaluate import EvaluateEpochs

if TYPE_CHECKING:
    from caps_hvd.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class RunCallbacks:
    """The callbacks of a run; three of them by name.

    Args:
        pipeline: gives the batches.
        testing: evaluates epochs.
        journal: writes them down.
        every: all of them, in their order.
    """

    pipeline: Pipeline
    testing: EvaluateEpochs
    journal: Journal
    every: list[keras.callbacks.Callback]

    def close_bar(self) -> None:
        """Takes the progress bar away, where there is one."""
        for callback in self.every:
            if isinstance(callback, ProgressBar):
                callback.close()


def callbacks_of(trainer: "Trainer") -> RunCallbacks:
    """Returns the callbacks of a run that is prepared."""
    config, communicator, across = trainer.config, trainer.communicator, trainer.ranks.across
    dataset, schedule = trainer.dataset, trainer.schedule
    pipeline = Pipeline(trainer.batches)
    timer = callbacks.EpochTimer(communicator, images_per_epoch=len(dataset.train))
    validation = dataset.validation
    part, split = ("test", dataset.test) if validation is None else ("val", validation)
    testing = EvaluateEpochs(
        functools.partial(trainer.evaluate, split), config.evaluate_every, config.epochs, part
    )
    session = Session(
        started_utc=trainer.invocation.started_utc,
        first_epoch=trainer.progress.epoch + 1,
        ranks=communicator.size,
        compression="none",
        convolutions=trainer.convolutions,
        initialization=trainer.initialization,
    )
    detector = StuckDetector(communicator, testing, config, dataset.class_names)
    journal = Journal(
        trainer.plan.directory, trainer.strategy, trainer.progress, session, timer, detector,
        schedule, trainer.selection,
    )  # fmt: skip
    rate = scaled_learning_rate(
        schedule, across.size, config.scale_learning_rate, config.warmup_epochs
    )
    every = [
        pipeline,
        callbacks.BroadcastState(across, seeds=True),  # all ranks drop the same lanes
        callbacks.LearningRate(rate, schedule.calendar.starts.__getitem__),
        UnchangedWeights(communicator),
        timer,  # before those that communicate when an epoch ends
        *trainer.strategy.callbacks(),
        callbacks.AverageMetrics(across),
        testing,
        callbacks.FiniteLoss(communicator),  # before what saves
        detector,
        EnergyMeter(communicator),
        journal,
    ]
    if communicator.rank == 0 and on_a_terminal(communicator.size):
        every.insert(every.index(journal), ProgressBar())
    if communicator.rank == 0 and config.tensorboard:
        events = trainer.plan.directory.events
        every.append(keras.callbacks.TensorBoard(events, write_graph=False))
    return RunCallbacks(pipeline, testing, journal, every)
