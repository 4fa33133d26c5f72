"""The Trainer: one object that owns a training run, from its parts to its record."""

import contextlib
import functools
import math

from caps_hvd.data import Dataset, Split, missing_classes
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.distributed.communicator import on_all_ranks
from caps_hvd.distributed.last_words import last_words
from caps_hvd.errors import DivergedError, StuckError
from caps_hvd.records import record
from caps_hvd.records.evaluation import Evaluation
from caps_hvd.records.record import Machine, Record
from caps_hvd.records.versions import versions
from caps_hvd.system.host import available_memory
from caps_hvd.training import endings, fine_tuning, forecast, run_record
from caps_hvd.training.build import (
    build_batches,
    build_compiled_model,
    build_model,
    build_strategy,
    initialize,
)
from caps_hvd.training.callbacks.of_run import RunCallbacks, callbacks_of
from caps_hvd.training.callbacks.unchanged import accumulation_line, check_accumulation
from caps_hvd.training.checkpoint import Progress, save_weights
from caps_hvd.training.convolution_forms import agree_on_forms
from caps_hvd.training.evaluate import evaluate
from caps_hvd.training.plan import RunPlan
from caps_hvd.training.run_record import Invocation
from caps_hvd.training.selection import agree_on_best, check_monitor, selection_of


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
        initialization: what was taken from another run, in this session.
        selection: of the epoch whose weights are kept, None for the last one.
        progress: how far the run has come, after `fit`.
        evaluation: on the test set, after `fit`, of the weights that are kept.
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
        self.selection = selection_of(self.config)
        self.initialization: record.Initialization | None = None
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
            config, dataset, self.strategy, self.plan.compression, self._before_optimizer
        )
        check_monitor(self.selection, self.model)
        if self.plan.progress is None:
            taken = fine_tuning.taken_paths(self.initialization, self.model)
            initialize(self.model, dataset.train, self.communicator, taken)
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
                self._best_weights(resumed=True)  # tells now if they are not there
            yield

    def fit(self) -> None:
        """Trains the epochs that are left; each ends in the journal and in a checkpoint.

        Raises:
            DivergedError: a loss or a weight is not finite; the run's record says so.
            StuckError: the run cannot learn, and is to stop then; the run's record says so.
        """
        self._say_what_begins()
        callbacks = callbacks_of(self)
        ended = self.selection is not None and self.selection.ends(self.progress.epochs)
        stretches = [] if ended else self.schedule.stretches(self.progress.epoch)
        if not stretches:  # an earlier session ended before its record; its weights are loaded
            self.ranks.across.broadcast_variables(self.model.weights)
        try:
            with last_words(functools.partial(self._last_words, callbacks)):
                for first, end in stretches:  # Keras takes the steps from a fit's first epoch
                    self._fit_stretch(callbacks, first, end)
                    if self.model.stop_training:
                        break
        except (DivergedError, StuckError) as error:
            raise self._failed(error, callbacks.journal.progress) from None
        finally:
            callbacks.close_bar()
        self.progress = callbacks.journal.progress
        self.weights_file = self._best_weights()
        if self.weights_file != self.plan.directory.checkpoint:  # which the model has by now
            self.strategy.load_weights(self.weights_file, self.model)
        tested = callbacks.testing.last if callbacks.testing.part == "test" else None
        self.evaluation = tested or self.evaluate(self.dataset.test)

    def _fit_stretch(self, callbacks: RunCallbacks, first: int, end: int):
        with callbacks.pipeline.errors():
            self.model.fit(
                callbacks.pipeline.source(first),
                initial_epoch=first,
                epochs=end,
                verbose=0,
                shuffle=False,  # each epoch has its own order, the same for all ranks
                callbacks=callbacks.every,
            )

    def _last_words(self, callbacks: RunCallbacks, by: str) -> str | None:
        callbacks.close_bar()
        if self.communicator.rank:
            return None
        directory, ranks = self.plan.directory, self.communicator.size
        return endings.interrupted(by, directory, callbacks.journal.saved_epochs, ranks)

    def evaluate(self, split: Split) -> Evaluation:
        """Evaluates the model as it is now on a part of the data set; the ranks share the work."""
        config = self.config
        return evaluate(
            self.model,
            split,
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
                model = self.strategy.whole_model(self.model, build, self.weights_file)
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

    def _best_weights(self, resumed: bool = False):
        run = self.selection, self.plan.directory, self.progress
        return agree_on_best(*run, self.communicator, resumed)

    def what_it_takes(self) -> str:
        """What a step takes of this machine, in words; empty before the model is built."""
        return self.forecast and forecast.describe(self.forecast, self.config, self.memory)

    def _before_optimizer(self, model):
        self._say_what_is_too_much(model)
        if self.config.initialize_from is not None and self.plan.progress is None:
            self.initialization = fine_tuning.initialize_from(
                self.config, self.dataset, model, self.communicator
            )

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
        taken = self.initialization and fine_tuning.describe(self.initialization)
        frozen = fine_tuning.describe_frozen(self.config.freeze, self.model)
        lines = (reading, *missing_classes(self.dataset), self.strategy.describe(), taken, frozen)
        for about in filter(None, (*lines, accumulation)):
            self.communicator.print(about)

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
        seconds = self.invocation.seconds()
        return run_record.result(self.progress.epochs, self.evaluation, seconds, self.selection)
