"""Run record, `record.json`: the experiment, the machines, the seconds and the accuracy of a run.

The classes below are the schema. Units are in the names; a time is wall-clock. `read` checks a file
against them, so that a report never works on half a record.
"""

import dataclasses

from caps_hvd.io import typed

SCHEMA = "caps_hvd.record/4"
_OLDER = ("caps_hvd.record/1", "caps_hvd.record/2", "caps_hvd.record/3")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Versions:
    """Versions of what the run was made with; None for what took no part."""

    caps_hvd: str
    python: str
    keras: str
    tensorflow: str | None
    horovod: str | None
    mpi: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """The machines that the run ran on.

    Args:
        hosts: host name of every rank, in the order of the ranks.
        cpu_model: processor of rank 0's host.
        cores_per_host: cores that the ranks on rank 0's host may use, together.
        device: what rank 0 computes on, such as `cpu` or `gpu`.
        ranks: number of processes.
        threads_per_rank: threads of rank 0 for one operation.
        backend: what carries the collectives: none, mpi, gloo or nccl.
        onednn: whether TensorFlow's products on rank 0 were oneDNN's; None in older records and
            on another Keras backend.
    """

    hosts: list[str]
    cpu_model: str
    cores_per_host: int
    device: str
    ranks: int
    threads_per_rank: int
    backend: str
    onednn: bool | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """The model: its name, its preset as chosen, and its size in trained parameters."""

    name: str
    preset: str
    image_shape: list[int]
    classes: int
    parameters: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The data set, and how the first epoch was cut: steps and images per step over all ranks.

    Args:
        train_samples: that steps are trained on, without those of the validation part.
        validation_samples: 0 for a run without a validation part.
    """

    name: str
    class_names: list[str]
    train_samples: int
    test_samples: int
    steps_per_epoch: int
    images_per_step: int
    validation_samples: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reduction:
    """The reduction: how gradients were combined over ranks.

    Args:
        op: average, sum or adasum.
        compression: what gradients travelled in, none or fp16.
        compression_probe_seconds: what was measured to choose it, slowest rank; else empty.
        accumulate_steps: steps whose gradients were averaged before each reduction.
        reduce_on: auto or cpu.
        groups: collectives per reduction.
        group_mib: size at which a group was closed.
        bytes_per_step: what a rank handed to collectives in a step, as in the last of `epochs`.
        loss_scaling: whether the loss was scaled, for float16.
    """

    op: str
    compression: str
    compression_probe_seconds: dict
    accumulate_steps: int
    reduce_on: str
    groups: int
    group_mib: float
    bytes_per_step: int
    loss_scaling: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpochMeasures:
    """Measurements of an epoch, as records of runs and of sweeps have it.

    Times are those of the slowest rank. A value says by its name which part of the data set it is
    of: train, val (validation) or test; None where it was not measured.

    Args:
        epoch: counted from 1.
        seconds: wall-clock time of training, without evaluation and checkpoint.
        compute_seconds, exposed_communication_seconds, input_seconds, other_seconds: its parts;
            communication counts where it was not hidden behind computation; other is Keras' own
            work between the steps. None on a Keras backend where they cannot be told apart.
        images_per_second: training images over all ranks.
        learning_rate: at the end of the epoch.
        train_loss: average over the epoch, while the weights were changing.
        test_accuracy: on the test part after the epoch; None for all epochs of a run that has a
            validation part.
        evaluation_seconds: wall-clock time of that evaluation, which is no part of `seconds`.
        energy_joules: of all hosts during the epoch and its evaluation; None where one does not
            tell.
        val_accuracy: on the validation part after the epoch.
    """

    epoch: int
    seconds: float
    compute_seconds: float | None
    exposed_communication_seconds: float | None
    input_seconds: float | None
    other_seconds: float | None
    images_per_second: float
    learning_rate: float
    train_loss: float
    test_accuracy: float | None = None
    evaluation_seconds: float | None = None
    energy_joules: float | None = None
    val_accuracy: float | None = None


# The parts of an epoch's seconds: field, without `_seconds` -> what people call it.
EPOCH_PARTS = {
    "compute": "compute",
    "exposed_communication": "communication",
    "input": "input",
    "other": "other",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Epoch(EpochMeasures):
    """One epoch of a run.

    Args:
        train_score_loss, train_reconstruction_loss: parts of `train_loss`; the first is what the
            model's scores are trained with, the margin loss of capsules or the cross-entropy of
            probabilities.
        train_accuracy: average over the epoch, while the weights were changing.
        test_loss: on the test part after the epoch.
        test_balanced_accuracy: mean of the classes' accuracies on the test part after the epoch.
        test_score_spread: standard deviation over the test images of the score of that class where
            it is largest.
        state: in which training seems to be stuck, one of `learning_state.STATES`; None where it
            does not, was not looked at, or in older records.
        images_per_step: over all ranks; the last step may have had fewer.
        empty_ranks: ranks that had no image in a full step, and took part with weight 0.
        bytes_per_step: what a rank handed to collectives in a step, of the rank with most, counted
            where it is handed over, gradients as compressed. None where it cannot be counted.
        val_loss, val_score_loss, val_reconstruction_loss: on the validation part after the epoch.
        val_balanced_accuracy, val_score_spread: as those of the test part.
    """

    # The name is older than models with another loss.
    train_score_loss: float = typed.formerly("train_margin_loss")
    train_reconstruction_loss: float | None
    train_accuracy: float
    test_loss: float | None = None
    test_balanced_accuracy: float | None = None
    test_score_spread: float | None = None
    state: str | None = None
    images_per_step: int | None = None
    empty_ranks: int | None = None
    bytes_per_step: int | None = None
    val_loss: float | None = None
    val_score_loss: float | None = None
    val_reconstruction_loss: float | None = None
    val_balanced_accuracy: float | None = None
    val_score_spread: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lanes:
    """The lane plan: how the lanes of a model were divided among ranks, in the last session.

    Args:
        groups: that they were divided into, each on `ranks / groups` ranks.
        method: that divided them, or `plan` where a file said how.
        speeds: steps per second of a tiny network, of the slowest rank that has the group; empty
            where they were not measured.
        assignment: numbers of the lanes of each group.
        loads: seconds that each group was planned to take, relative to the longest.
        corrections: times that what all ranks compute had drifted apart, and was set right.
    """

    groups: int
    method: str
    speeds: list[float]
    assignment: list[list[int]]
    loads: list[float]
    corrections: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convolutions:
    """The forms of a model's convolutions, the same on every rank.

    Args:
        rates: what the machine computes per second, that they were chosen by, as in
            `caps_hvd.ops.convolution.Rates`; empty where nothing was measured.
        least_images: smallest batch that takes the bilinear form, by the path of the layer, on
            rank 0; None for no batch.
    """

    rates: dict[str, float]
    least_images: dict[str, int | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Initialization:
    """The weights that training began with, where they are another run's.

    Args:
        run: its folder, as it was given.
        started_utc: when its last session started, in ISO 8601.
        dataset: its data set.
        sha256: of its file of weights.
        taken: layers that were taken from it.
        anew: layers that were not, with first weights from the seed.
    """

    run: str
    started_utc: str
    dataset: str
    sha256: str
    taken: list[str]
    anew: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """A session: one start of the program that took part in the run.

    Args:
        started_utc: in ISO 8601.
        first_epoch: counted from 1.
        ranks: number of processes.
        compression: what gradients travelled in; later sessions stay with it.
        convolutions: their forms; later sessions stay with them. None in older records.
        initialization: of a run that began with another one's weights, in its first session.
    """

    started_utc: str
    first_epoch: int
    ranks: int
    compression: str
    convolutions: Convolutions | None = None
    initialization: Initialization | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """The result of the run: of the weights that are kept.

    Args:
        train_accuracy: of the epoch that they are of, averaged while the weights were changing.
        test_accuracy: `test_correct / test_samples`, exactly.
        test_loss: mean over the test images of the loss that was trained.
        confusion: test images by true class (rows) and predicted class (columns).
        balanced_accuracy: mean of `class_accuracies`; None in older records.
        class_accuracies: of each class, None for one without test images; empty in older records.
        training_seconds: sum of the epochs' seconds.
        total_seconds: from the start of the last session to its end, starting up included.
        energy_joules: sum of the epochs' energy, None where one is not known.
        best_epoch: that the weights are of, chosen by `monitor`; None for those of the last epoch,
            in a run without a validation part.
        monitor: name of the value that it was chosen by.
        stopped_early: whether patience has ended the run before its last epoch.
    """

    train_accuracy: float
    test_accuracy: float
    test_loss: float
    test_correct: int
    confusion: list[list[int]]
    training_seconds: float
    total_seconds: float
    energy_joules: float | None = None
    balanced_accuracy: float | None = None
    class_accuracies: list[float | None] = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    monitor: str | None = None
    stopped_early: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """The end of a run that has failed: it has diverged, or was told to stop when stuck.

    Args:
        reason: in one line.
        epoch: in which it failed, from 1; those before it are in `epochs`.
        step: of that epoch, from 1; None at its end.
    """

    reason: str
    epoch: int
    step: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """The record of a run.

    Args:
        schema: `SCHEMA`.
        started_utc: when the last session started, in ISO 8601.
        command_line: of the last session.
        config: the experiment, as in `config.toml`.
        epochs: of all sessions.
        result: None for a run that has failed.
        lanes: None where every rank had the whole model.
        failure: None for a run that has ended as it should.
    """

    schema: str = SCHEMA
    started_utc: str
    command_line: list[str]
    config: dict
    versions: Versions
    machine: Machine
    model: ModelFacts
    data: DataFacts
    reduction: Reduction
    epochs: list[Epoch]
    sessions: list[Session]
    result: Result | None
    lanes: Lanes | None = None
    failure: Failure | None = None

    def is_finished(self, epochs: int) -> bool:
        """Whether the run has so many epochs, or has stopped early, and has a result."""
        done = self.result is not None
        return done and (self.result.stopped_early or len(self.epochs) >= epochs)


def write(path, record: Record) -> None:
    """Writes a record, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    typed.write_json(path, record)


def read(path) -> Record:
    """Reads a record and checks it against the schema; an older one is brought up to it.

    Raises:
        RunError: the file cannot be read, or something in it is missing, unknown or of the wrong
            type; the message names it.
    """
    return typed.read_json(path, Record, "the record", older=_OLDER)
