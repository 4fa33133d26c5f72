"""Costs of lanes: operations, parameters and bytes, counted from their geometry.

Nothing here is measured. The published cost, depth x width^2, stands beside the count.
"""

import dataclasses
import itertools
import math

from caps_hvd.lanes.geometry import (
    CapsuleImage,
    Convolution,
    PrimaryLevel,
    Routing,
    Stage,
    networks,
)
from caps_hvd.lanes.lane import Lane

_FLOAT_BYTES = 4
_COPIES_OF_WEIGHTS = 4  # the weight, its gradient, and the two moments that Adam keeps of it
_DECODER = (512, 1024)  # units of its hidden layers
_MIB = 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaneCost:
    """Operations, parameters and bytes of a lane, or of a part of it.

    Args:
        flops: operations of a forward pass over the batch; a multiplication and an addition are
            two. Biases, activations and squash, below a hundredth of it, are left out.
        parameters: trained numbers.
        weights_bytes: bytes of the weights, of their gradients and of Adam's two moments, in
            float32.
        activation_bytes: bytes of what the stages give for the batch, in float32, which is what
            the backward pass needs of them.
    """

    flops: int
    parameters: int
    weights_bytes: int
    activation_bytes: int

    @property
    def memory_mib(self) -> float:
        """What the lane occupies while it trains, by this count: weights and activations.

        A framework's working memory comes on top.
        """
        return (self.weights_bytes + self.activation_bytes) / _MIB


def lane_costs(
    lanes: tuple[Lane, ...],
    image_shape: tuple[int, int, int],
    batch_size: int,
    classes: int = 10,
    iterations: int = 3,
) -> tuple[LaneCost, ...]:
    """The cost of each lane of a model.

    Args:
        lanes: of the model.
        image_shape: (height, width, channels) of an image.
        batch_size: images of a step.
        classes: dimensions of a lane's capsule. Defaults to 10.
        iterations: of routing. Defaults to 3.

    Raises:
        ConfigError: there is no lane, or the image does not allow one; the message names it.

    Example:
        >>> [cost.parameters for cost in lane_costs((Lane("mlcn1", 1),), (28, 28, 1), 100)]
        [40256]
    """
    return tuple(
        network_cost(stages, batch_size, iterations)
        for stages in networks(lanes, image_shape, classes)
    )


def network_cost(stages: tuple[Stage, ...], batch_size: int, iterations: int = 3) -> LaneCost:
    """The cost of a lane's network; see `lane_costs` for the arguments."""
    parameters = sum(_weights(stage) + _biases(stage) for stage in stages)
    return LaneCost(
        flops=batch_size * sum(_flops(stage, iterations) for stage in stages),
        parameters=parameters,
        weights_bytes=_COPIES_OF_WEIGHTS * _FLOAT_BYTES * parameters,
        activation_bytes=batch_size * _FLOAT_BYTES * sum(map(_outputs, stages)),
    )


def published_cost(lane: Lane) -> int:
    """Returns the cost by which MLCN plans, depth x width^2, of no unit.

    Rosario, Breternitz and Borin, "Efficiency and scalability of multi-lane capsule networks
    (MLCN)", JPDC 155 (2021): the seconds are a constant times it, over the device's speed.

    Example:
        >>> published_cost(Lane("mlcn1", width=4, depth=3))
        48
    """
    return lane.depth * lane.width**2


def model_parameters(
    lanes: tuple[Lane, ...],
    image_shape: tuple[int, int, int],
    classes: int = 10,
) -> int:
    """Parameters of all lanes and of the decoder that reads one capsule of as many dimensions.

    Args:
        lanes: of the model.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are. Defaults to 10.

    Raises:
        ConfigError: there is no lane, or the image does not allow one.
    """
    own = sum(cost.parameters for cost in lane_costs(lanes, image_shape, 1, classes))
    return own + decoder_parameters(classes * len(lanes), image_shape)


def decoder_parameters(inputs: int, image_shape: tuple[int, int, int]) -> int:
    """Returns the parameters of dense layers from the masked class capsules back to the image."""
    units = (inputs, *_DECODER, math.prod(image_shape))
    return sum((below + 1) * above for below, above in itertools.pairwise(units))


def _weights(stage) -> int:
    """Weights without biases: the multiplications of one position."""
    match stage:
        case Convolution(separable=True):
            return stage.input_shape[-1] * (stage.kernel**2 + stage.filters)
        case Convolution():
            return stage.kernel**2 * stage.input_shape[-1] * stage.filters
        case PrimaryLevel():
            return stage.kernel**2 * stage.input_shape[-1] * stage.types * stage.dim
        case Routing():
            return math.prod(stage.input_shape) * math.prod(stage.output_shape)
    return 0


def _biases(stage) -> int:
    match stage:
        case Convolution():
            return stage.filters
        case PrimaryLevel():
            return stage.types * stage.dim
    return 0


def _flops(stage, iterations) -> int:
    """Operations of a forward pass over one image."""
    match stage:
        case Convolution():
            times = math.prod(stage.output_shape[:2])
        case PrimaryLevel():
            times = math.prod(stage.grid)
        case _:
            # An iteration is a vote of the inputs and, but the last, an agreement with the output.
            times = 2 * iterations - 1
    return 2 * times * _weights(stage)


def _outputs(stage) -> int:
    """Numbers that a stage gives for one image, those between its two steps included."""
    given = math.prod(stage.output_shape)
    match stage:
        case Convolution(separable=True):
            return given + math.prod(stage.output_shape[:2]) * stage.input_shape[-1]
        case PrimaryLevel():
            return 2 * given  # before and after squash
        case CapsuleImage():
            return 0  # the same numbers in another shape
    return given
