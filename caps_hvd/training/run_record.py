"""What there is to say about a run, for its record and for people."""

import dataclasses

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset
from caps_hvd.records.evaluation import Evaluation
from caps_hvd.records.record import (
    DataFacts,
    Epoch,
    Lanes,
    Machine,
    ModelFacts,
    Record,
    Reduction,
    Result,
    Session,
)
from caps_hvd.schedules import Schedule
from caps_hvd.training.strategies.lane_parallel import Parts


def describe(
    config: TrainConfig, dataset: Dataset, model, schedule: Schedule, parts: Parts
) -> dict:
    """The parts of a record that are known before training: `model` and `data`."""
    return {
        "model": ModelFacts(
            name=config.model,
            preset=model.preset,
            image_shape=list(dataset.image_shape),
            classes=dataset.classes,
            parameters=parts.parameters(model),
        ),
        "data": DataFacts(
            name=dataset.name,
            class_names=list(dataset.class_names),
            train_samples=len(dataset.train),
            test_samples=len(dataset.test),
            steps_per_epoch=schedule.calendar.steps[0],
            images_per_step=schedule.global_batch(0),
        ),
    }


def outcome(optimizer, progress, evaluation: Evaluation, total_seconds: float) -> dict:
    """The parts of a record that training brings: `reduction`, `epochs`, `sessions`, `result`.

    Args:
        optimizer: the distributed optimizer after its last step.
        progress: the `Progress` of the last checkpoint.
        evaluation: on the whole test set.
        total_seconds: of this session.
    """
    epochs = [Epoch(**epoch) for epoch in progress.epochs]
    described = optimizer.describe() | {"bytes_per_step": epochs[-1].bytes_per_step or 0}
    energies = [epoch.energy_joules for epoch in epochs]
    return {
        "reduction": Reduction(
            **{field.name: described[field.name] for field in dataclasses.fields(Reduction)}
        ),
        "epochs": epochs,
        "sessions": [Session(**session) for session in progress.sessions],
        "result": Result(
            train_accuracy=epochs[-1].train_accuracy,
            test_accuracy=evaluation.accuracy,
            test_loss=evaluation.loss,
            test_correct=evaluation.correct,
            confusion=evaluation.confusion.tolist(),
            training_seconds=round(sum(epoch.seconds for epoch in epochs), 6),
            total_seconds=round(total_seconds, 6),
            energy_joules=None if None in energies else round(sum(energies), 3),
        ),
    }


def opening_line(facts: dict, machine: Machine, first_epoch: int) -> str:
    """What is about to be trained, in one line."""
    model, data = facts["model"], facts["data"]
    ranks = "1 process" if machine.ranks == 1 else f"{machine.ranks} ranks ({machine.backend})"
    threads = f"{machine.threads_per_rank} thread{'s' * (machine.threads_per_rank > 1)} each"
    resumed = f", from epoch {first_epoch} on" if first_epoch > 1 else ""
    return (
        f"{model.name} ({model.preset}, {model.parameters:,} parameters) on {data.name} "
        f"({data.train_samples:,} training, {data.test_samples:,} test images), "
        f"{ranks}, {threads}{resumed}"
    )


def division_line(lanes: Lanes) -> str:
    """Which lanes the ranks of a team have, in one line."""
    own = " | ".join(" ".join(map(str, numbers)) for numbers in lanes.assignment)
    return f"lanes {own} on the ranks that share a batch ({lanes.method})"


def closing_line(record: Record) -> str:
    """How it went, in one line."""
    result = record.result
    return (
        f"test accuracy {result.test_accuracy:.2%} ({result.test_correct:,} of "
        f"{record.data.test_samples:,} images), loss {result.test_loss:.4f}, "
        f"{result.training_seconds:.1f} s of training"
    )
