"""The record of a run, put together from its parts, and the lines that tell people of it."""

import dataclasses
import shlex
import time
from collections.abc import Sequence

import numpy as np

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset
from caps_hvd.io.timestamp import utc_now
from caps_hvd.records.evaluation import Evaluation
from caps_hvd.records.record import (
    DataFacts,
    Epoch,
    Machine,
    ModelFacts,
    Record,
    Reduction,
    Result,
)
from caps_hvd.schedules import Schedule
from caps_hvd.training.selection import Selection

_MOST_CLASSES = 10  # whose accuracies a line has room for
_WORST = 5  # classes that it tells where there are more


@dataclasses.dataclass(frozen=True)
class Invocation:
    """A start of the program, timed from here.

    Args:
        command_line: what the user typed.
        started: in seconds of `time.perf_counter`. Default: now.
        started_utc: in ISO 8601. Default: now.
    """

    command_line: tuple[str, ...]
    started: float = dataclasses.field(default_factory=time.perf_counter)
    started_utc: str = dataclasses.field(default_factory=utc_now)

    def seconds(self) -> float:
        """Returns the seconds since the start."""
        return time.perf_counter() - self.started


def model_facts(config: TrainConfig, dataset: Dataset, preset: str, parameters: int) -> ModelFacts:
    """Returns what the record says of the model, known before training."""
    return ModelFacts(
        name=config.model,
        preset=preset,
        image_shape=list(dataset.image_shape),
        classes=dataset.classes,
        parameters=parameters,
    )


def data_facts(dataset: Dataset, schedule: Schedule) -> DataFacts:
    """Returns what the record says of the data set, known before training."""
    return DataFacts(
        name=dataset.name,
        class_names=list(dataset.class_names),
        train_samples=len(dataset.train),
        validation_samples=0 if dataset.validation is None else len(dataset.validation),
        test_samples=len(dataset.test),
        steps_per_epoch=schedule.calendar.steps[0],
        images_per_step=schedule.global_batch(0),
    )


def reduction(optimizer, epochs: Sequence[Epoch]) -> Reduction:
    """Returns how gradients were combined.

    Args:
        optimizer: the distributed optimizer after its last step.
        epochs: all of the run.
    """
    last = epochs[-1].bytes_per_step if epochs else None
    described = optimizer.describe() | {"bytes_per_step": last or 0}
    return Reduction(
        **{field.name: described[field.name] for field in dataclasses.fields(Reduction)}
    )


def result(
    epochs: Sequence[Epoch],
    evaluation: Evaluation,
    total_seconds: float,
    selection: Selection | None = None,
) -> Result:
    """Returns how the run ended.

    Args:
        epochs: all of the run.
        evaluation: on the whole test set, of the weights that are kept.
        total_seconds: of this session.
        selection: of the epoch that they are of. Default None: the last one.
    """
    energies = [epoch.energy_joules for epoch in epochs]
    best = selection and selection.best(epochs)
    return Result(
        train_accuracy=(best or epochs[-1]).train_accuracy,
        test_accuracy=evaluation.accuracy,
        test_loss=evaluation.loss,
        test_correct=evaluation.correct,
        confusion=evaluation.confusion.tolist(),
        balanced_accuracy=evaluation.balanced_accuracy,
        class_accuracies=[
            None if np.isnan(each) else float(each) for each in evaluation.class_accuracies()
        ],
        training_seconds=round(sum(epoch.seconds for epoch in epochs), 6),
        total_seconds=round(total_seconds, 6),
        energy_joules=None if None in energies else round(sum(energies), 3),
        best_epoch=best and best.epoch,
        monitor=best and selection.monitor,
        stopped_early=bool(selection) and selection.ends(epochs),
    )


def opening_line(model: ModelFacts, data: DataFacts, machine: Machine, first_epoch: int) -> str:
    """Returns one line on what is about to be trained, from an epoch counted from 1."""
    ranks = "1 process" if machine.ranks == 1 else f"{machine.ranks} ranks ({machine.backend})"
    threads = f"{machine.threads_per_rank} thread{'s' * (machine.threads_per_rank > 1)} each"
    resumed = f", from epoch {first_epoch} on" if first_epoch > 1 else ""
    held_out = f" {data.validation_samples:,} validation," if data.validation_samples else ""
    return (
        f"{model.name} ({model.preset}, {model.parameters:,} parameters) on {data.name} "
        f"({data.train_samples:,} training,{held_out} {data.test_samples:,} test images), "
        f"{ranks}, {threads}{resumed}"
    )


def next_line(directory, decoder: bool) -> str:
    """Returns one line on what can be done with a run.

    Args:
        directory: its folder.
        decoder: whether the model can draw images.
    """
    folder = shlex.quote(str(directory))
    looks = [f"caps-hvd evaluate {folder}"]
    looks += [f"caps-hvd reconstruct {folder}"] * decoder
    return (
        f"look at it with {' or '.join(f'`{each}`' for each in looks)}, use it with "
        f"`caps-hvd classify {folder} IMAGES`; docs/training.md tells of the files in it"
    )


def classes_line(record: Record) -> str:
    """Returns one line on the accuracy of each class, of many classes the worst ones."""
    result, names = record.result, record.data.class_names
    known = [
        (accuracy, name)
        for accuracy, name in zip(result.class_accuracies, names, strict=True)
        if accuracy is not None
    ]
    shown, what = known, "classes"
    if len(known) > _MOST_CLASSES:
        shown, what = sorted(known, key=lambda pair: pair[0])[:_WORST], "worst classes"
    each = ", ".join(f"{name} {accuracy:.1%}" for accuracy, name in shown)
    return f"balanced accuracy {result.balanced_accuracy:.2%}; {what}: {each}"


def closing_line(record: Record) -> str:
    """Returns one line on how a run went."""
    result = record.result
    state = record.epochs[-1].state if record.epochs else None
    chosen = ""
    if result.best_epoch is not None:
        early = ", stopped early" if result.stopped_early else ""
        value = getattr(record.epochs[result.best_epoch - 1], result.monitor)
        chosen = (
            f"best {result.monitor} {value:.4f} in epoch {result.best_epoch} of "
            f"{len(record.epochs)}{early}, whose weights are kept: "
        )
    return (
        f"{chosen}test accuracy {result.test_accuracy:.2%} ({result.test_correct:,} of "
        f"{record.data.test_samples:,} images), loss {result.test_loss:.4f}, "
        f"{result.training_seconds:.1f} s of training{f'; {state}' if state else ''}"
    )
