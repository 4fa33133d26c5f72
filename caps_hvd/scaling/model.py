"""Prediction of the seconds per epoch on any number of machines, term by term.

    epoch = compute + stragglers + exposed communication + input + evaluation

`docs/scale_model.md` has the equations of all terms and what they leave out.
"""

import dataclasses
import math
import statistics

from caps_hvd.errors import ConfigError, check_choice
from caps_hvd.scaling.allreduce import Cluster, algorithm
from caps_hvd.scaling.machine_profile import Calibration
from caps_hvd.scaling.networks import Network
from caps_hvd.scaling.overlap import Transfer, exposed_seconds
from caps_hvd.scaling.stragglers import expected_maximum

EVALUATIONS = ("sharded", "repeated", "none")
SCALINGS = ("weak", "strong")

# Horovod looks for gradients that are ready on all ranks once per cycle (HOROVOD_CYCLE_TIME).
_CYCLE_SECONDS = 0.001
# Between ranks of one machine: start-up time, and bytes per second of a copy through the cache.
_MEMORY = Network("memory", 1e-6, 4e9, tcp=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be trained, and on what kind of machines.

    Args:
        images: of one epoch, over all ranks.
        batch_size: images per step, of each rank (weak scaling) or of all together (strong).
        scaling: weak or strong.
        ranks_per_machine: 1 or more.
        cores_per_host: cores of one machine; a fraction where machines are emulated on fewer
            cores than there are machines (2 cores for 15 hosts: 2/15). Default: those of the
            machine that was calibrated.
        shared_cores: instead of `cores_per_host`, cores that all machines share, however many.
        evaluation: after each epoch: sharded over the ranks, repeated by each of them, or none.
        test_images: of one evaluation.
        alone_seconds: measured seconds of an epoch on one machine with one rank, with its
            evaluation unless there is none; replaces the calibrated speed, and keeps its shape.
        message_bytes: that a rank gives to the collectives per step. Default: as calibrated.
        algorithm: auto, ring, hierarchical or rabenseifner.
    """

    images: int = 60_000
    batch_size: int = 100
    scaling: str = "weak"
    ranks_per_machine: int = 1
    cores_per_host: float | None = None
    shared_cores: float | None = None
    evaluation: str = "sharded"
    test_images: int = 10_000
    alone_seconds: float | None = None
    message_bytes: float | None = None
    algorithm: str = "auto"

    def __post_init__(self):
        for name in ("images", "batch_size", "ranks_per_machine", "test_images"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: expected 1 or more, received {getattr(self, name)}")
        for name in ("cores_per_host", "shared_cores", "alone_seconds", "message_bytes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name}: expected a number above 0, received {value}")
        check_choice("evaluation", self.evaluation, EVALUATIONS)
        check_choice("scaling", self.scaling, SCALINGS)
        if self.cores_per_host and self.shared_cores:
            raise ConfigError("cores_per_host, shared_cores: expected one of them, received both")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """A prediction: the seconds of one epoch, and the terms that it consists of.

    Args:
        seconds_per_epoch: the sum of the terms.
        compute_seconds: of training steps without communication, median machine.
        straggler_seconds: waiting for the slowest machine in every step.
        exposed_communication_seconds: by which communication makes the steps longer.
        input_seconds: by which making batches does.
        evaluation_seconds: after the epoch.
        speed_up: the seconds of one machine over these.
        efficiency: speed-up per machine, 1 is ideal.
    """

    machines: int
    ranks: int
    steps: int
    seconds_per_epoch: float
    compute_seconds: float
    straggler_seconds: float
    exposed_communication_seconds: float
    input_seconds: float
    evaluation_seconds: float
    speed_up: float
    efficiency: float

    @property
    def training_seconds(self) -> float:
        """The epoch without its evaluation, which is what a run's record calls its seconds."""
        return self.seconds_per_epoch - self.evaluation_seconds


def predict(calibration: Calibration, *, machines: int, network: Network, **job) -> Prediction:
    """Predicts an epoch.

    Args:
        calibration: what was measured.
        machines: 1 or more.
        network: between them.
        **job: the fields of `Job`.

    Raises:
        ConfigError: a value out of range.

    Example:
        >>> predict(read(DEFAULT), machines=15, network=named("1gbit")).speed_up
        12.3
    """
    if machines < 1:
        raise ConfigError(f"machines: expected 1 or more, received {machines}")
    job = Job(**job)
    terms = _Epoch(calibration, job, machines, network).terms()
    seconds = sum(terms.values())
    alone = sum(_Epoch(calibration, job, 1, network).terms().values())
    ranks = machines * job.ranks_per_machine
    return Prediction(
        machines=machines,
        ranks=ranks,
        steps=_steps(job, ranks),
        seconds_per_epoch=seconds,
        **{f"{name}_seconds": value for name, value in terms.items()},
        speed_up=alone / seconds,
        efficiency=alone / seconds / machines,
    )


class _Epoch:
    """The terms of one epoch on one number of machines."""

    def __init__(self, calibration, job, machines, network):
        self.calibration, self.job = calibration, job
        self.machines, self.network = machines, network
        self.ranks = machines * job.ranks_per_machine
        self.steps = _steps(job, self.ranks)
        self.batch = _batch(job, self.ranks)
        self.cores = job.cores_per_host or float(calibration.cores)
        if job.shared_cores is not None:
            self.cores = job.shared_cores / machines
        self.speed = _speed(calibration, job)
        threads = job.ranks_per_machine * calibration.threads
        # Communication finds a core of its own only where computation leaves one.
        self.busy = threads > self.cores - 1
        # Where threads wait for cores, the one that communicates gives its own up whenever it has
        # to wait (mpi_yield_when_idle), so its turn comes when nothing is left to compute.
        self.crowded = threads > self.cores
        self.stretch = 1.0
        if self.crowded:
            # The fullest core decides: a rank that is done looks for the others' messages, so its
            # core is not idle, and the kernel moves nothing there.
            load = threads / self.cores
            self.stretch = max(1.0, math.ceil(load - 1e-9) * calibration.crowding(load))
        elif threads > calibration.threads:  # more ranks than were measured alone: memory is shared
            self.stretch = max(1.0, calibration.crowding(1.0))
        self.step = self.speed * calibration.step_seconds(self.batch) * self.stretch

    def terms(self) -> dict[str, float]:
        return {
            "compute": self.steps * self.step,
            "straggler": self.steps * self.step * (self._slowest() - 1),
            "exposed_communication": self.steps * self._exposed(),
            "input": self.steps * self._input(),
            "evaluation": self._evaluation(),
        }

    def _slowest(self) -> float:
        """The slowest machine's step over the median one."""
        # What slows a core that hosts share slows them all: they are slow together.
        own_cores = self.cores >= 1 and not self.job.shared_cores
        samples = self.calibration.step_samples
        slowest = expected_maximum(samples, self.machines if own_cores else 1)
        return max(1.0, slowest / statistics.median(samples))

    def _exposed(self) -> float:
        if self.ranks == 1:
            return 0.0
        scale = 1.0
        if self.job.message_bytes is not None:
            scale = self.job.message_bytes / self.calibration.gradient_bytes
        backward_end = self.calibration.backward_share * self.step
        transfers = []
        for group in self.calibration.groups:
            cost = self._allreduce(scale * group.gradient_bytes)
            ready = backward_end if self.crowded else group.ready_share * self.step
            transfers.append(
                Transfer(
                    ready_seconds=ready + _CYCLE_SECONDS,
                    seconds=cost.seconds(self.cores),
                    stolen_seconds=cost.core_seconds / self.cores if self.busy else 0.0,
                )
            )
        return exposed_seconds(transfers, backward_end)

    def _allreduce(self, message_bytes):
        processor = self.calibration.processor
        ranks = self.job.ranks_per_machine
        cluster = Cluster(self.machines, self.network, ranks, processor, _MEMORY)
        return algorithm(self.job.algorithm)(message_bytes, cluster)

    def _input(self) -> float:
        """Batches are made beside the step: they cost what is longer than it, or its cores."""
        seconds = self.batch * self.calibration.input_seconds_per_image
        if self.busy:
            return self.job.ranks_per_machine * seconds / max(self.cores, 1e-9)
        return max(0.0, seconds - self.step)

    def _evaluation(self) -> float:
        if self.job.evaluation == "none":
            return 0.0
        ranks = self.ranks if self.job.evaluation == "sharded" else 1
        share = math.ceil(self.job.test_images / ranks)
        return share * self.speed * self.calibration.forward_seconds_per_image * self.stretch


def _batch(job, ranks) -> float:
    """Images of one rank's step."""
    return job.batch_size if job.scaling == "weak" else max(1.0, job.batch_size / ranks)


def _steps(job, ranks) -> int:
    return math.ceil(job.images / (_batch(job, ranks) * ranks))


def _speed(calibration, job) -> float:
    """What all computing is multiplied by, so that one machine takes `alone_seconds`."""
    if job.alone_seconds is None:
        return 1.0
    as_calibrated = dataclasses.replace(
        job, alone_seconds=None, ranks_per_machine=1, cores_per_host=None, shared_cores=None
    )
    terms = _Epoch(calibration, as_calibrated, 1, _MEMORY).terms()
    computing = sum(seconds for name, seconds in terms.items() if name != "input")
    return max(job.alone_seconds - terms["input"], 0.0) / computing
