"""The Trainer: one object that owns a training run, from its parts to its record."""

import contextlib
import functools
import math

import keras

from caps_hvd.data import Dataset
from caps_hvd.data.pipeline import Pipeline
from caps_hvd.distributed import callbacks
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.distributed.communicator import on_all_ranks
from caps_hvd.distributed.last_words import last_words
from caps_hvd.errors import DivergedError, StuckError
from caps_hvd.records import record
from caps_hvd.records.evaluation import Evaluation
from caps_hvd.records.record import Machine, Record
from caps_hvd.records.versions import versions
from caps_hvd.schedules import scaled_learning_rate
from caps_hvd.system.host import available_memory
from caps_hvd.training import endings, forecast, run_record
from caps_hvd.training.build import (
    build_batches,
    build_compiled_model,
    build_model,
    build_strategy,
    initialize,
)
from caps_hvd.training.callbacks.energy import EnergyMeter
from caps_hvd.training.callbacks.journal import Journal
from caps_hvd.training.callbacks.progress import ProgressBar, on_a_terminal
from caps_hvd.training.callbacks.stuck import StuckDetector
from caps_hvd.training.callbacks.unchanged import (
    UnchangedWeights,
    accumulation_line,
    check_accumulation,
)
from caps_hvd.training.checkpoint import Progress, save_weights
from caps_hvd.training.convolution_forms import agree_on_forms
from caps_hvd.training.evaluate import EvaluateEpochs, evaluate
from caps_hvd.training.plan import RunPlan
from caps_hvd.training.run_record import Invocation


class Trainer:
    """One run on all ranks: `prepare()`, then `fit()` and `finish()` inside `run_directory()`.

    Each method is collective: all ranks call it, in this order.

    Args:
        plan: of the run.
        dataset: that it trains and tests on.
        ranks: of the job, in teams of as many ranks as share a batch.
        machine: that the ranks run on.
        invocation: this start of the program.

    Attributes:
        schedule: learning rate of each step and global batch of each epoch.
        strategy: how the model is spread over the ranks.
        model: compiled Keras model, or this rank's part of it.
        convolutions: forms of its convolutions.
        batches: this rank's share of the training batches.
        progress: how far the run has come, after `fit`.
        evaluation: on the test set, after `fit`.
    """

    def __init__(
        self,
        plan: RunPlan,
        dataset: Dataset,
        ranks: RankGrid,
        machine: Machine,
        invocation: Invocation,
    ):
        self.plan, self.config, self.dataset = plan, plan.config, dataset
        self.ranks, self.communicator = ranks, ranks.world
        self.machine, self.invocation = machine, invocation
        self.forecast, self.memory = "", 0

    def prepare(self) -> None:
        """Makes schedule, strategy, model and batches.

        Raises:
            ConfigError: an option does not fit the data, the model or the number of ranks.
        """
        config, dataset, ranks = self.config, self.dataset, self.ranks
        with self.communicator.raise_on_all_ranks():
            self.schedule = config.schedule(len(dataset.train), ranks.across.size)
            if self.plan.progress is None:
                check_accumulation(config.accumulate_steps, self.schedule)
        self.strategy = build_strategy(config, dataset.image_shape, dataset.classes, ranks)
        self.model = build_compiled_model(
            config, dataset, self.strategy, self.plan.compression, self._say_what_is_too_much
        )
        if self.plan.progress is None:
            initialize(self.model, dataset.train, self.communicator)
        self.progress = self.plan.progress or Progress(0, config.seed, config.digest())
        self.convolutions = agree_on_forms(
            config.convolution, self.model, self.communicator, self.progress.sessions
        )
        self.batches = build_batches(
            config,
            dataset,
            self.model,
            ranks.across,
            self.schedule.global_batch,
            start_epoch=self.progress.epoch,
        )

    @contextlib.contextmanager
    def run_directory(self):
        """Holds the run directory, on rank 0, with the checkpoint loaded that lies there.

        Raises:
            RunError: another training writes there, or the checkpoint is of another model.
        """
        with contextlib.ExitStack() as held:
            with self.communicator.raise_on_all_ranks():
                if self.communicator.rank == 0:
                    directory = self.plan.directory
                    held.enter_context(directory.taken(self.config, self.plan.progress))
            if self.plan.progress is not None:
                self.strategy.load_state_dict(
                    self.plan.directory.checkpoint, self.model, self.model.optimizer
                )
            yield

    def fit(self) -> None:
        """Trains the epochs that are left; each ends in the journal and in a checkpoint.

        Raises:
            DivergedError: a loss or a weight is not finite; the run's record says so.
            StuckError: the run cannot learn, and is to stop then; the run's record says so.
        """
        self._say_what_begins()
        journal, testing, pipeline, every = self._callbacks()
        stretches = self.schedule.stretches(self.progress.epoch)
        if not stretches:  # an earlier session ended before its record; its weights are loaded
            self.ranks.across.broadcast_variables(self.model.weights)
        try:
            with last_words(functools.partial(self._last_words, journal, every)):
                for first, end in stretches:  # Keras takes the steps from a fit's first epoch
                    self._fit_stretch(pipeline, first, end, every)
        except (DivergedError, StuckError) as error:
            raise self._failed(error, journal.progress) from None
        finally:
            _close_bar(every)
        self.progress = journal.progress
        self.evaluation = testing.last or self.evaluate()

    def _fit_stretch(self, pipeline, first, end, every):
        with pipeline.errors():
            self.model.fit(
                pipeline.source(first),
                initial_epoch=first,
                epochs=end,
                verbose=0,
                shuffle=False,  # each epoch has its own order, the same for all ranks
                callbacks=every,
            )

    def _last_words(self, journal: Journal, every, by: str) -> str | None:
        _close_bar(every)
        if self.communicator.rank:
            return None
        directory, ranks = self.plan.directory, self.communicator.size
        return endings.interrupted(by, directory, journal.saved_epochs, ranks)

    def evaluate(self) -> Evaluation:
        """Tests the model as it is now; the ranks share the work."""
        config = self.config
        return evaluate(
            self.model,
            self.dataset.test,
            config.batch_size,
            self.ranks.across,
            config.reconstruction_weight,
        )

    def finish(self) -> Record:
        """Writes weights and record; the record comes last, so that it says that all is there."""
        whole = self._record()
        directory = self.plan.directory
        with self.communicator.raise_on_all_ranks():
            if self.communicator.rank == 0:
                shape, classes = self.dataset.image_shape, self.dataset.classes
                build = functools.partial(build_model, self.config, shape, classes)
                model = self.strategy.whole_model(self.model, build, directory.checkpoint)
                save_weights(directory.weights, model)
                record.write(directory.record, whole)
        self.communicator.print(f"{run_record.closing_line(whole)}; {directory}")
        self.communicator.print(run_record.classes_line(whole))
        decoder = getattr(self.model, "decoder", None) is not None
        self.communicator.print(run_record.next_line(directory, decoder))
        return whole

    def _failed(self, error: DivergedError | StuckError, progress: Progress):
        """Writes what there is of a run that ends early; its last checkpoint stays."""
        self.progress, self.evaluation = progress, None
        directory = self.plan.directory
        if isinstance(error, StuckError):
            ended = endings.stuck(error, directory, progress.epoch)
        else:
            ranks = self.ranks.across.size
            ended = endings.diverged(error, self.config, directory, progress.epoch, ranks)
        failure = record.Failure(reason=str(ended), epoch=error.epoch, step=error.step)
        whole = self._record(failure)
        with self.communicator.raise_on_all_ranks():
            if self.communicator.rank == 0:
                directory.write_history(progress.epochs)
                record.write(directory.record, whole)
        return on_all_ranks(ended)

    def what_it_takes(self) -> str:
        """What a step takes of this machine, in words; empty before the model is built."""
        return self.forecast and forecast.describe(self.forecast, self.config, self.memory)

    def _say_what_is_too_much(self, model):
        local = len(self.communicator.local_peers or (None,))
        on_cpu = self.machine.device == "cpu"
        self.forecast = forecast.forecast(
            model,
            self.config,
            self.schedule.calendar.steps[0],
            images=math.ceil(len(self.dataset.train) / self.ranks.across.size),
            ranks=local,
            cores=self.machine.threads_per_rank if on_cpu else None,
        )
        # The weights of this process are there already; another device has memory of its own.
        self.memory = available_memory() + 4 * self.forecast.parameters if on_cpu else 0
        with self.communicator.raise_on_all_ranks():
            too_much = forecast.warning(self.forecast, self.config, self.memory)
        if too_much:
            self.communicator.print(too_much)

    def _say_what_begins(self):
        self.model_facts = run_record.model_facts(
            self.config, self.dataset, self.model.preset, self.strategy.parameters(self.model)
        )
        self.data_facts = run_record.data_facts(self.dataset, self.schedule)
        opening = run_record.opening_line(
            self.model_facts, self.data_facts, self.machine, self.progress.epoch + 1
        )
        self.communicator.print(f"{opening}; {self.plan.directory}")
        accumulation = accumulation_line(self.config.accumulate_steps, self.schedule)
        reading = (
            self.dataset.reading and f"{self.config.dataset} is read as: {self.dataset.reading}"
        )
        for about in filter(None, (reading, self.strategy.describe(), accumulation)):
            self.communicator.print(about)

    def _callbacks(self) -> tuple[Journal, EvaluateEpochs, Pipeline, list]:
        """The callbacks of the run, in the order that they depend on; three of them by name."""
        config, communicator, across = self.config, self.communicator, self.ranks.across
        pipeline = Pipeline(self.batches)
        timer = callbacks.EpochTimer(communicator, images_per_epoch=len(self.dataset.train))
        testing = EvaluateEpochs(self.evaluate, config.evaluate_every, config.epochs)
        session = record.Session(
            started_utc=self.invocation.started_utc,
            first_epoch=self.progress.epoch + 1,
            ranks=communicator.size,
            compression="none",
            convolutions=self.convolutions,
        )
        detector = StuckDetector(communicator, testing, config, self.dataset.class_names)
        journal = Journal(
            self.plan.directory, self.strategy, self.progress, session, timer, detector,
            self.schedule,
        )  # fmt: skip
        rate = scaled_learning_rate(
            self.schedule, across.size, config.scale_learning_rate, config.warmup_epochs
        )
        every = [
            pipeline,
            callbacks.BroadcastState(across, seeds=True),  # all ranks drop the same lanes
            callbacks.LearningRate(rate, self.schedule.calendar.starts.__getitem__),
            UnchangedWeights(communicator),
            timer,  # before those that communicate when an epoch ends
            *self.strategy.callbacks(),
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
            events = self.plan.directory.events
            every.append(keras.callbacks.TensorBoard(events, write_graph=False))
        return journal, testing, pipeline, every

    def _record(self, failure: record.Failure | None = None) -> Record:
        progress, communicator = self.progress, self.communicator
        return Record(
            started_utc=self.invocation.started_utc,
            command_line=list(self.invocation.command_line),
            config=self.config.file_values(),
            versions=versions(communicator.backend, communicator.mpi_version),
            machine=self.machine,
            model=self.model_facts,
            data=self.data_facts,
            reduction=run_record.reduction(self.model.optimizer, progress.epochs),
            epochs=progress.epochs,
            sessions=progress.sessions,
            result=None if failure else self._result(),
            lanes=self.strategy.record(),
            failure=failure,
        )

    def _result(self) -> record.Result:
        return run_record.result(self.progress.epochs, self.evaluation, self.invocation.seconds())


def _close_bar(callbacks) -> None:
    for callback in callbacks:
        if isinstance(callback, ProgressBar):
            callback.close()
