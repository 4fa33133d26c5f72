"""Networks of lanes as data: the stages of a lane, with the shapes of what they take and give.

`models` builds its layers from these stages and `cost.py` counts from them, so that the two agree.

They are those of MLCN: Rosario, Borin and Breternitz, "The Multi-Lane Capsule Network",
arXiv:1902.08431 (2019), and, for the further levels of a lane, its authors' program of that year.
"""

import dataclasses

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.lane import Lane, lane_name

CAPSULE_DIM = 16
_FILTERS = 16  # of every convolution, for each unit of width
_TYPES = 2  # of primary capsules, for each unit of width
_PRIMARY_KERNEL = 6
_CONVOLUTION = (9, "relu", "valid", False)
# Kernel, activation, padding, separable or not, of what stands in front of the first capsules.
_HEADS = {
    "mlcn1": (_CONVOLUTION,),
    "mlcn2": (
        (1, None, "same", False),
        (6, "relu", "valid", True),
        *[(3, "relu", "same", False)] * 3,
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution of the image, or of capsules seen as one, with strides of 1 and a bias.

    Args:
        name: unique in its lane.
        filters: channels of the output.
        kernel: pixels in height and in width.
        activation: "relu", or None for none.
        padding: "valid" or "same".
        separable: whether each channel is convolved alone, and the channels are mixed by a 1x1
            convolution behind it.
        input_shape, output_shape: (height, width, channels).
    """

    name: str
    filters: int
    kernel: int
    activation: str | None
    padding: str
    separable: bool
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrimaryLevel:
    """A level of primary capsules: a valid convolution whose channels are grouped and squashed.

    Args:
        name: unique in its lane.
        types: capsules at every position.
        dim: components of a capsule.
        kernel: pixels in height and in width.
        strides: pixels between two positions.
        input_shape: (height, width, channels).
        grid: (rows, columns) of positions.
        output_shape: (capsules, dim).
    """

    name: str
    types: int
    dim: int
    kernel: int
    strides: int
    input_shape: tuple[int, int, int]
    grid: tuple[int, int]
    output_shape: tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CapsuleImage:
    """The capsules of the level before, seen as an image of one channel.

    Args:
        input_shape: (capsules, dim).
        output_shape: (capsules, dim, 1).
    """

    input_shape: tuple[int, int]
    output_shape: tuple[int, int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concatenation:
    """The primary capsules of all levels, first level first.

    Args:
        input_shapes: (capsules, dim) of each level.
        output_shape: (capsules, dim).
    """

    input_shapes: tuple[tuple[int, int], ...]
    output_shape: tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Routing:
    """The routing of all capsules of a lane to what it adds to every class.

    As published, to one capsule of `classes` dimensions: the softmax over a single output capsule
    is constant 1, so every iteration gives the same. Routed to `classes` capsules of one dimension
    instead, the couplings compete; weights and products are as many.

    Args:
        input_shape: (capsules, dim).
        output_shape: (classes,).
    """

    input_shape: tuple[int, int]
    output_shape: tuple[int]


Layer = Convolution | PrimaryLevel | Routing  # stages that have weights
Stage = Layer | CapsuleImage | Concatenation


def stages(
    lane: Lane, image_shape: tuple[int, int, int], classes: int = 10, name: str | None = None
) -> tuple[Stage, ...]:
    """Returns a lane's network from the image to its capsule, in the order of the computation.

    Each stage takes the output of the one before, but `CapsuleImage` and `Concatenation`, which
    take the primary capsules of the last level and of all levels. A lane of depth 1 has neither.

    Args:
        lane: what to describe.
        image_shape: (height, width, channels) of an image.
        classes: dimensions of the lane's capsule. Defaults to 10.
        name: what errors call the lane. Defaults to its type, width and depth.

    Raises:
        ConfigError: the image is too small for the lane, or the lane deeper than the image allows.

    Example:
        >>> [type(stage).__name__ for stage in stages(Lane("mlcn1", 2), (28, 28, 1))]
        ['Convolution', 'PrimaryLevel', 'Routing']
    """
    name = f"lane ({lane})" if name is None else name
    height, width, _ = image_shape
    found, shape = [], tuple(image_shape)
    for number, head in enumerate(_HEADS[lane.type]):
        found.append(_convolution(f"level_1_convolution_{number + 1}", lane, shape, *head))
        shape = found[-1].output_shape
    if min(shape[:2]) < _PRIMARY_KERNEL:
        least = _smallest_image(lane.type)
        raise ConfigError(
            f"{name}: expected images of at least {least} x {least} for a lane of type "
            f"{lane.type}, received {height} x {width}; take larger images or another type"
        )
    found.append(_primary("level_1_capsules", lane, shape, strides=2))
    levels = [found[-1]]
    for level in range(2, lane.depth + 1):
        capsules = levels[-1].output_shape
        image = CapsuleImage(input_shape=capsules, output_shape=(*capsules, 1))
        convolved = _convolution(
            f"level_{level}_convolution_1", lane, image.output_shape, *_CONVOLUTION
        )
        if convolved.output_shape[0] < _PRIMARY_KERNEL:
            raise ConfigError(
                f"{name}: deeper than the image allows: expected at most depth {level - 1} at "
                f"{height} x {width} and width {lane.width}, received {lane.depth}; make the lane "
                "shallower or wider"
            )
        levels.append(_primary(f"level_{level}_capsules", lane, convolved.output_shape, strides=3))
        found += [image, convolved, levels[-1]]
    if lane.depth > 1:
        shapes = tuple(level.output_shape for level in levels)
        total = sum(capsules for capsules, _ in shapes)
        found.append(Concatenation(input_shapes=shapes, output_shape=(total, CAPSULE_DIM)))
    found.append(Routing(input_shape=found[-1].output_shape, output_shape=(classes,)))
    return tuple(found)


def networks(
    lanes: tuple[Lane, ...], image_shape: tuple[int, int, int], classes: int = 10
) -> tuple[tuple[Stage, ...], ...]:
    """The stages of every lane of a model; see `stages`.

    Raises:
        ConfigError: there is no lane, or the image does not allow one; the message names it.
    """
    if not lanes:
        raise ConfigError("lanes: expected at least one lane, received none; add one")
    return tuple(
        stages(lane, image_shape, classes, lane_name(index, lane))
        for index, lane in enumerate(lanes)
    )


def _convolution(name, lane, shape, kernel, activation, padding, separable) -> Convolution:
    filters = _FILTERS * lane.width
    lost = kernel - 1 if padding == "valid" else 0
    return Convolution(
        name=name, filters=filters, kernel=kernel, activation=activation, padding=padding,
        separable=separable, input_shape=shape,
        output_shape=(shape[0] - lost, shape[1] - lost, filters),
    )  # fmt: skip


def _primary(name, lane, shape, strides) -> PrimaryLevel:
    types = _TYPES * lane.width
    rows, columns = ((pixels - _PRIMARY_KERNEL) // strides + 1 for pixels in shape[:2])
    return PrimaryLevel(
        name=name, types=types, dim=CAPSULE_DIM, kernel=_PRIMARY_KERNEL, strides=strides,
        input_shape=shape, grid=(rows, columns), output_shape=(rows * columns * types, CAPSULE_DIM),
    )  # fmt: skip


def _smallest_image(type) -> int:
    lost = sum(kernel - 1 for kernel, _, padding, _ in _HEADS[type] if padding == "valid")
    return _PRIMARY_KERNEL + lost
