"""Published measurements of Distributed CapsNet, to stand beside our own.

In "An Overview of Distributed Capsule Networks", here called Distributed CapsNet, students of
California Polytechnic State University trained the paper's CapsNet on MNIST with
Horovod on up to 20 machines of a computer lab (Xeon E5-2620, GeForce GTX 980, TensorFlow 1.5,
Horovod 0.11), 100 images per step and machine, the epoch divided among the machines.

What to know before comparing: the times alone are those of the program without Horovod; those on
several machines include the start of the program's only epoch; every machine evaluated all 10,000
test images after the epoch; between one and 15 machines nothing but 5 was published.
"""

import dataclasses
from typing import NamedTuple

NAME = "Distributed CapsNet"
TITLE = "An Overview of Distributed Capsule Networks"
CITATION = (
    f'"{TITLE}", California Polytechnic State University, San Luis Obispo, 2018, '
    "https://github.com/nicholasrusso/Distributed_Capsule_Networks"
)

NETWORK = "1gbit"
TRAIN_IMAGES = 60_000
TEST_IMAGES = 10_000
BATCH_SIZE = 100  # per machine


class Point(NamedTuple):
    """What was published of a number of machines, and what follows from it.

    Args:
        speed_up: seconds alone over seconds on that many machines.
        efficiency: speed-up per machine, 1 is ideal.
    """

    seconds_per_epoch: float
    speed_up: float
    efficiency: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetUp:
    """One of the ways to train of Distributed CapsNet, with its published points.

    Args:
        number: what Distributed CapsNet calls it, 1 to 3.
        computes_on, reduces_on: what carried TensorFlow and the all-reduce.
        seconds_per_epoch: number of machines -> seconds; empty where nothing was published.
    """

    number: int
    computes_on: str
    reduces_on: str
    seconds_per_epoch: dict[int, float]

    @property
    def name(self) -> str:
        return f"{NAME}, set-up {self.number}: {self.computes_on}, all-reduce on {self.reduces_on}"

    @property
    def points(self) -> dict[int, Point]:
        """Number of machines -> what was published of it.

        Example:
            >>> round(SET_UPS[0].points[15].speed_up, 1)
            6.9
        """
        alone = self.seconds_per_epoch.get(1)
        return {
            machines: Point(seconds, alone / seconds, alone / seconds / machines)
            for machines, seconds in self.seconds_per_epoch.items()
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A published test accuracy, as a share of the test images; `machines` None where not said."""

    machines: int | None
    epochs: int
    runs: int
    mean: float
    best: float | None = None


SET_UPS = (
    SetUp(
        number=1,
        computes_on="CPU",
        reduces_on="CPU",
        seconds_per_epoch={1: 610.0, 5: 184.4, 15: 88.0},
    ),
    SetUp(number=2, computes_on="GPU", reduces_on="CPU", seconds_per_epoch={1: 390.0, 15: 60.0}),
    # "Similar to the second, but the reduction completed significantly faster": no figure.
    SetUp(number=3, computes_on="GPU", reduces_on="GPU (NCCL)", seconds_per_epoch={}),
)

ACCURACIES = (
    Accuracy(machines=None, epochs=100, runs=3, mean=0.9965, best=0.997),
    Accuracy(machines=5, epochs=5, runs=1, mean=0.9925),
    Accuracy(machines=15, epochs=5, runs=1, mean=0.986),
)
