"""Training: the one place where configuration, data, model, optimizer and ranks come together."""

import contextlib
import dataclasses
import time
from datetime import UTC, datetime

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset
from caps_hvd.distributed import comm
from caps_hvd.lanes.groups import group_size
from caps_hvd.records import record
from caps_hvd.records.record import Record
from caps_hvd.records.versions import versions
from caps_hvd.system.backend import jit_compile, start_keras
from caps_hvd.system.host import cpu_model
from caps_hvd.training.build import (
    build_augment,
    build_model,
    build_optimizer,
    build_rate,
    load_dataset,
)
from caps_hvd.training.checkpoint import Progress, restore, save_weights
from caps_hvd.training.run_directory import RunDirectory, default_path, examine, finished_record
from caps_hvd.training.run_record import (
    closing_line,
    describe,
    division_line,
    opening_line,
    outcome,
)
from caps_hvd.training.strategies.lane_parallel import divide


def train(config: TrainConfig, command_line=("caps-hvd", "train")) -> Record:
    """Trains a model on all ranks that were launched, and writes everything down.

    Every rank calls it with the same configuration; where they differ that of rank 0 counts.

    Args:
        config: what to train, on what, and how.
        command_line: what the user typed, for the record.

    Returns:
        The record of the run, the same on every rank; a finished run is not trained again.

    Raises:
        ConfigError: an option does not fit the data, the model or the number of ranks.
        DataError: the data set cannot be read.
        RunError: the run directory is in use, belongs to another run, or cannot be written.

    Example:
        >>> record = train(TrainConfig(dataset="digits", epochs=3, run_dir="runs/digits"))
        >>> record.result.test_accuracy > 0.9
        True
    """
    invocation = _Invocation(tuple(command_line))
    if comm.launched_size() > 1:
        start_keras()  # before Horovod loads TensorFlow in its noisy way
    size = group_size(config, comm.launched_size())
    communicator = comm.init(size)
    ranks = comm.rank_grid(communicator, size)
    if communicator.size == 1:
        plan, dataset = _plan(config, communicator)  # mistakes cost no wait for TensorFlow
        machine = _start(config, communicator)
    else:
        machine = _start(config, communicator)  # TensorFlow carries the ranks' first words
        plan, dataset = _plan(config, communicator)
    if plan.finished is not None:
        more = "" if "epochs" in plan.config.deciding_names() else "; more --epochs would go on"
        _say(communicator, f"{plan.directory} is finished{more}")
        return plan.finished

    with communicator.raise_on_all_ranks():
        schedule = plan.config.schedule(len(dataset.train), ranks.across.size)
    parts = divide(plan.config, dataset.image_shape, dataset.classes, ranks)
    model = _build(plan, dataset, parts)
    batches = _batches(plan, dataset, schedule, model, ranks)
    with _opened(plan, model, parts) as progress:
        facts = describe(plan.config, dataset, model, schedule, parts)
        _say(communicator, f"{opening_line(facts, machine, progress.epoch + 1)}; {plan.directory}")
        if parts.division is not None:
            _say(communicator, division_line(parts.division))
        fitted = _fit(plan, dataset, batches, schedule, model, parts, progress, invocation)
        progress, evaluation = fitted
        whole = Record(
            started_utc=invocation.started_utc,
            command_line=list(invocation.command_line),
            config=plan.config.file_values(),
            versions=versions(communicator.backend, communicator.mpi_version),
            machine=machine,
            **facts,
            **outcome(model.optimizer, progress, evaluation, invocation.seconds()),
            lanes=parts.record(),
        )
        _close(plan, dataset, model, parts, whole)
    _say(communicator, f"{closing_line(whole)}; {plan.directory}")
    return whole


@dataclasses.dataclass(frozen=True)
class _Invocation:
    """One start of the program."""

    command_line: tuple[str, ...]
    started: float = dataclasses.field(default_factory=time.perf_counter)
    started_utc: str = dataclasses.field(
        default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    )

    def seconds(self) -> float:
        return time.perf_counter() - self.started


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is known before there is a model; the same on every rank.

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


def _plan(config, communicator) -> tuple[_Plan, Dataset]:
    """Rank 0 looks into the run directory and tells the others; every rank opens the data."""
    plan = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:
            directory = RunDirectory.at(config.run_dir or default_path(config))
            progress = examine(directory, config)
            plan = _Plan(config, directory, progress, finished_record(directory, config))
    plan = communicator.broadcast_object(plan)
    with communicator.raise_on_all_ranks():
        return plan, load_dataset(plan.config)


def _start(config, communicator) -> record.Machine:
    """Loads Keras, and gives this rank its threads and its device."""
    start_keras()
    from caps_hvd.distributed import pin_cpus, pin_gpu, use_threads

    threads = use_threads(communicator, config.threads)
    pin_cpus(communicator)
    gpu = pin_gpu(communicator)
    peers = communicator.peers or ()
    return record.Machine(
        hosts=[peer.host for peer in peers],
        cpu_model=cpu_model(),
        cores_per_host=len(
            {core for peer in communicator.local_peers or () for core in peer.cores}
        ),
        device="cpu" if gpu is None else "gpu",
        ranks=communicator.size,
        threads_per_rank=threads,
        backend=communicator.backend,
    )


def _batches(plan, dataset, schedule, model, ranks):
    """This rank's training batches, from the first epoch that is left; its group has the same."""
    from caps_hvd.data.batches import Batches

    config = plan.config
    return Batches(
        dataset.train,
        config.batch_size,
        ranks.across.rank,
        ranks.across.size,
        config.seed,
        augment=build_augment(config, dataset.image_shape),
        reconstruct=model.decoder is not None,
        global_batch=schedule.global_batch,
        start_epoch=plan.progress.epoch if plan.progress else 0,
    )


def _build(plan, dataset, parts):
    """The compiled model, or this rank's part of it, with weights that follow from the seed."""
    import keras

    from caps_hvd.distributed.gradients.optimizer import distribute
    from caps_hvd.models import compile_arguments

    config = plan.config
    keras.utils.set_random_seed(config.seed)
    model = build_model(config, dataset.image_shape, dataset.classes, **parts.model_arguments())
    optimizer = distribute(
        build_optimizer(config),
        parts.ranks.across,
        op=config.reduce_op,
        compression=_compression(plan),
        accumulate_steps=config.accumulate_steps,
        reduce_on=config.reduce_on,
        agree=parts.ranks.world,
    )
    model.compile(
        optimizer,
        **compile_arguments(model, config.reconstruction_weight),
        jit_compile=jit_compile(),
        auto_scale_loss=False,
    )
    optimizer.build(model.trainable_variables)
    return model


def _compression(plan) -> str:
    """What was asked for; a resumed run stays with what `auto` chose when it began."""
    if plan.config.compression == "auto" and plan.progress is not None:
        return plan.progress.sessions[0]["compression"]
    return plan.config.compression


@contextlib.contextmanager
def _opened(plan, model, parts):
    """Takes the run directory, on rank 0, and puts its checkpoint into the model."""
    config, communicator = plan.config, parts.ranks.world
    with contextlib.ExitStack() as held:
        with communicator.raise_on_all_ranks():
            if communicator.rank == 0:
                held.enter_context(plan.directory.taken(config, plan.progress))
        if plan.progress is not None:
            parts.restore(plan.directory.checkpoint, model, model.optimizer)
        yield plan.progress or Progress(0, config.seed, config.digest())


def _fit(plan, dataset, batches, schedule, model, parts, progress, invocation):
    """Trains the epochs that are left; gives what was written down, and the last evaluation."""
    from caps_hvd.data.pipeline import Pipeline
    from caps_hvd.distributed import callbacks
    from caps_hvd.training.callbacks.energy import EnergyMeter
    from caps_hvd.training.callbacks.journal import Journal
    from caps_hvd.training.evaluate import EvaluateEpochs, evaluate

    config, communicator, across = plan.config, parts.ranks.world, parts.ranks.across

    def test():
        return evaluate(
            model, dataset.test, config.batch_size, across, config.reconstruction_weight
        )

    pipeline = Pipeline(batches)
    session = record.Session(
        started_utc=invocation.started_utc,
        first_epoch=progress.epoch + 1,
        ranks=communicator.size,
        compression="none",
    )
    timer = callbacks.EpochTimer(communicator, images_per_epoch=len(dataset.train))
    testing = EvaluateEpochs(test, config.evaluate_every, config.epochs)
    journal = Journal(plan.directory, parts, progress, session, timer, schedule)
    watching = [
        pipeline,
        callbacks.BroadcastState(across, seeds=True),  # all ranks drop the same lanes
        callbacks.LearningRate(
            build_rate(config, schedule, across.size), schedule.calendar.starts.__getitem__
        ),
        timer,  # before those that communicate when an epoch ends
        parts.callback(),
        callbacks.AverageMetrics(across),
        testing,
        EnergyMeter(communicator),
        journal,
        *_watchers(plan, communicator),
    ]
    stretches = schedule.stretches(progress.epoch)
    if not stretches:  # an earlier session was ended before its record; its weights have been read
        across.broadcast_variables(model.weights)
    for first, end in stretches:
        with pipeline.errors():
            model.fit(
                pipeline.source(first),
                initial_epoch=first,
                epochs=end,
                verbose=0,
                shuffle=False,  # each epoch has its own order, the same for all ranks
                callbacks=watching,
            )
    return journal.progress, testing.last or test()


def _watchers(plan, communicator) -> list:
    """Callbacks for people, on rank 0."""
    import keras

    from caps_hvd.training.callbacks.progress import ProgressBar, on_a_terminal

    if communicator.rank != 0:
        return []
    watchers = [ProgressBar()] if on_a_terminal(communicator.size) else []
    if plan.config.tensorboard:
        watchers.append(keras.callbacks.TensorBoard(plan.directory.events, write_graph=False))
    return watchers


def _close(plan, dataset, model, parts, whole) -> None:
    """Writes weights and record; the record comes last, so that it says that all is there."""
    with parts.ranks.world.raise_on_all_ranks():
        if parts.ranks.world.rank == 0:
            if parts.division is not None:
                model = build_model(plan.config, dataset.image_shape, dataset.classes)
                restore(plan.directory.checkpoint, model)
            save_weights(plan.directory.weights, model)
            record.write(plan.directory.record, whole)


def _say(communicator, text: str) -> None:
    if communicator.rank == 0:
        print(text, flush=True)
