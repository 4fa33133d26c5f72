"""Published table of models and devices of MLCN, to stand beside our own.

Rosario, Borin and Breternitz, "The Multi-Lane Capsule Network", arXiv:1902.08431 (2019), and
Rosario, Breternitz and Borin, "Efficiency and scalability of multi-lane capsule networks (MLCN)",
JPDC 155, 63-73 (2021), arXiv:1908.03935.
"""

import dataclasses

from caps_hvd.lanes.cost import decoder_parameters, model_parameters
from caps_hvd.lanes.lane import homogeneous
from caps_hvd.report.columns import Column, tabulate
from caps_hvd.report.sheet import Sheet

# Speeds from timing a tiny network, normalised to the slowest.
SPEEDS = {"K80": 1.0, "M40": 3.1, "P100": 4.2, "V100": 6.0}

_IMAGE_SHAPES = {"cifar10": (32, 32, 3), "fashion_mnist": (28, 28, 1)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MlcnRow:
    """A row of MLCN's table.

    Args:
        dataset: name of the data set.
        lanes: how many; 0 for the CapsNet that lanes are compared with.
        type: of the lanes. What is at hand of MLCN names it for CIFAR-10 only.
        width: of the lanes.
        parameters: in millions, as published.
        seconds_per_epoch: on one GPU, as published.
        accuracy: on the test images, 0 to 1, as published.
    """

    dataset: str
    lanes: int
    type: str | None = None
    width: int | None = None
    parameters: float
    seconds_per_epoch: float
    accuracy: float

    @property
    def name(self) -> str:
        return f"{self.lanes} lanes ({self.type}), width {self.width}" if self.lanes else "CapsNet"

    def counted_parameters(self) -> int:
        """Parameters of this row's model by our count, its decoder of 512 and 1024 included."""
        shape = _IMAGE_SHAPES[self.dataset]
        if self.lanes:
            return model_parameters(homogeneous(self.lanes, self.type, self.width), shape)
        return _capsnet_parameters(shape)


TABLE = (
    MlcnRow(dataset="cifar10", lanes=0,
        parameters=11, seconds_per_epoch=240, accuracy=0.6636),
    MlcnRow(dataset="cifar10", lanes=4, type="mlcn2", width=4,
        parameters=5, seconds_per_epoch=53, accuracy=0.6905),
    MlcnRow(dataset="cifar10", lanes=32, type="mlcn2", width=2,
        parameters=14, seconds_per_epoch=204, accuracy=0.7518),
    MlcnRow(dataset="fashion_mnist", lanes=0,
        parameters=8, seconds_per_epoch=220, accuracy=0.9130),
    MlcnRow(dataset="fashion_mnist", lanes=2, type="mlcn2", width=4,
        parameters=3.6, seconds_per_epoch=20, accuracy=0.9101),
    MlcnRow(dataset="fashion_mnist", lanes=8, type="mlcn2", width=4,
        parameters=10.6, seconds_per_epoch=92, accuracy=0.9263),
)  # fmt: skip


def sheet() -> Sheet:
    """The published table with our count of parameters beside theirs.

    Example:
        >>> sheet().sections[0].rows[1]
        ('cifar10', '4 lanes (mlcn2), width 4', '5', '5.96', '53', '69.05')
    """
    return tabulate(
        (
            Column("data set", "", lambda row: row.dataset),
            Column("model", "", lambda row: row.name),
            Column("parameters", "million", lambda row: f"{row.parameters:g}"),
            Column("ours", "million", lambda row: row.counted_parameters(), 1e-6, 2),
            Column("epoch", "s", lambda row: f"{row.seconds_per_epoch:g}"),
            Column("accuracy", "%", lambda row: row.accuracy, 100, 2),
        ),
        [("", TABLE)],
        key="published-lanes",
        title="Multi-lane capsule networks as published, arXiv:1902.08431",
        notes=(
            "Seconds and accuracy are MLCN's, on one GPU. The type of the lanes on "
            "Fashion-MNIST is taken to be that on CIFAR-10.",
        ),
    )


def _capsnet_parameters(image_shape, classes=10) -> int:
    """CapsNet as in Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017)."""
    kernel, filters, types, dim, class_dim = 9, 256, 32, 8, 16
    *size, channels = image_shape
    rows, columns = ((pixels - 2 * kernel + 1) // 2 + 1 for pixels in size)
    convolution = (kernel**2 * channels + 1) * filters
    primary = (kernel**2 * filters + 1) * types * dim
    routed = rows * columns * types * dim * classes * class_dim
    return convolution + primary + routed + decoder_parameters(classes * class_dim, image_shape)
