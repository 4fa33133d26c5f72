"""Machine profile, `calibration.json`: what was measured on one machine, for the scale model.

The classes below are the schema; units are in the names.  `caps-hvd calibrate` writes the file,
`read` checks it all the way down, so that no prediction comes out of half a calibration.
"""

import dataclasses
import statistics
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io import typed
from caps_hvd.io.typed import Count, NonEmpty, NonNegative
from caps_hvd.scaling.allreduce import Processor

SCHEMA = "caps_hvd.calibration/1"
DEFAULT = Path(__file__).with_name("default_calibration.json")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepTime:
    """Seconds of a training step without communication: the median, where one rank steps alone.

    Args:
        batch_size: images of one rank's step.
        ranks: processes that stepped at once on the machine; their mean, where there are several.
    """

    batch_size: Count
    ranks: Count
    seconds: NonNegative


@dataclasses.dataclass(frozen=True, kw_only=True)
class BucketProfile:
    """A gradient bucket: gradients that are reduced together.

    Args:
        gradient_bytes: as they travel.
        ready_share: when the last of them is there, as a share of the step's time.
    """

    gradient_bytes: Count
    ready_share: NonNegative


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllReduceTime:
    """Median seconds of one all-reduce over TCP within the machine, slowest rank."""

    ranks: Count
    message_bytes: Count
    seconds: NonNegative


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """The measurements of one machine.

    Args:
        created_utc: in ISO 8601.
        command_line: what measured it; of the last run, where several were merged.
        cpu_model, cores: of the machine, and the cores that all its ranks could use.
        threads: of each rank.
        backend: what carried the all-reduce, `none` before two ranks have been measured.
        model, precision, parameters: what was trained, and how many numbers of it.
        steps: by batch size and ranks at once; those of one rank are never missing.
        step_samples: seconds of single steps of one rank, at one batch size, in their order.
        groups: of gradients, in the order in which they become ready.
        forward_seconds_per_image: of an evaluation.
        input_seconds_per_image: to make a batch, in the thread beside the step.
        add_seconds_per_byte: to add float32 arrays on one core.
        allreduces: empty before two ranks have been measured.
    """

    schema: str = SCHEMA
    created_utc: str
    command_line: NonEmpty[str]
    cpu_model: str
    cores: Count
    threads: Count
    backend: str
    model: str
    precision: str
    parameters: Count
    steps: NonEmpty[StepTime]
    step_samples: NonEmpty[NonNegative]
    groups: NonEmpty[BucketProfile]
    forward_seconds_per_image: NonNegative
    input_seconds_per_image: NonNegative
    add_seconds_per_byte: NonNegative
    allreduces: list[AllReduceTime]

    @property
    def gradient_bytes(self) -> int:
        """What one rank gives to the collectives in a step."""
        return sum(group.gradient_bytes for group in self.groups)

    @property
    def backward_share(self) -> float:
        """Share of a step until the last gradient is there; the rest updates the weights."""
        return max(group.ready_share for group in self.groups)

    def step_seconds(self, batch_size: float) -> float:
        """Returns the seconds of a step of one rank alone, between or beyond measured batch sizes.

        Example:
            With 1 s measured for 10 images and 1.8 s for 20: 1.4 s for 15, 2.6 s for 30.
        """
        points = sorted((each.batch_size, each.seconds) for each in self.steps if each.ranks == 1)
        if len(points) == 1:
            return points[0][1] * batch_size / points[0][0]
        return max(_on_line(points, batch_size), 0.0)

    def crowding(self, load: float) -> float:
        """Returns the core-seconds of a step on busy cores, per thread-second of a step alone.

        Above 1 where threads that compute at once are in each other's way: in caches, at the
        memory, when cores change hands.

        Args:
            load: threads per core, 1 or more.

        Returns:
            On the line through the nearest measured loads; the nearest one beyond them; 1 where
            no more than one rank was measured.
        """
        factors: dict[float, list[float]] = {}
        for step in self.steps:
            measured = step.ranks * self.threads / self.cores
            if measured >= 1:
                alone = self.threads * self.step_seconds(step.batch_size)
                factor = self.cores * step.seconds / step.ranks / alone
                factors.setdefault(measured, []).append(factor)
        points = sorted((each, statistics.fmean(found)) for each, found in factors.items())
        if len(points) < 2:
            return points[0][1] if points else 1.0
        return _on_line(points, min(max(load, points[0][0]), points[-1][0]))

    @property
    def processor(self) -> Processor:
        """Seconds of a core per byte copied and added, from the all-reduces over two ranks.

        Two ranks send m bytes each and add m/2, a core each, so that time is m (copy + add / 2).
        The slope over the bytes is taken by least squares, which leaves start-up times out.
        """
        points = [(one.message_bytes, one.seconds) for one in self.allreduces if one.ranks == 2]
        if not points:
            return Processor(self.add_seconds_per_byte, 0.0)
        if len({size for size, _ in points}) > 1:
            slope = statistics.linear_regression(*zip(*points, strict=True)).slope
        else:
            slope = statistics.fmean(seconds / size for size, seconds in points)
        copying = max(slope - self.add_seconds_per_byte / 2, 0.0)
        return Processor(self.add_seconds_per_byte, copying)


def _on_line(points: list[tuple[float, float]], x: float) -> float:
    """Returns the value at x of the line through the two points around it, or nearest to it.

    Args:
        points: two or more, from small x to large.
        x: where to read the line.
    """
    below = sum(each < x for each, _ in points)
    first = min(max(below - 1, 0), len(points) - 2)
    (x0, y0), (x1, y1) = points[first : first + 2]
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def merge(one: Calibration, other: Calibration) -> Calibration:
    """Returns a calibration with the measurements of both; `other` wins where both have the same.

    Raises:
        RunError: they are of another machine, model, precision or number of threads.
    """
    for name in ("cpu_model", "cores", "threads", "model", "precision", "parameters"):
        if getattr(one, name) != getattr(other, name):
            raise RunError(
                f"calibration: {name} was {getattr(one, name)!r} and is {getattr(other, name)!r} "
                "now; write the other one to a file of its own"
            )
    steps = {(step.batch_size, step.ranks): step for step in (*one.steps, *other.steps)}
    allreduces = (*one.allreduces, *other.allreduces)
    reductions = {(each.ranks, each.message_bytes): each for each in allreduces}
    return dataclasses.replace(
        other,
        backend=other.backend if other.allreduces else one.backend,
        steps=sorted(steps.values(), key=lambda step: (step.ranks, step.batch_size)),
        allreduces=sorted(reductions.values(), key=lambda each: (each.ranks, each.message_bytes)),
    )


def write(path, calibration: Calibration) -> None:
    """Writes a calibration, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    typed.write_json(path, calibration)


def read(path) -> Calibration:
    """Reads a calibration and checks it.

    Raises:
        RunError: the file is missing or damaged; the message names what is wrong in it.
    """
    remedy = "`caps-hvd calibrate --output FILE` makes one"
    calibration = typed.read_json(path, Calibration, "the calibration", remedy)
    if not any(step.ranks == 1 for step in calibration.steps):
        raise RunError(f"{path}: steps: expected one of a rank alone, received none")
    return calibration
