"""The squashing non-linearities of capsule networks, and the gradient of the first."""

from keras import ops

from caps_hvd.ops.precision import at_least_float32

# Below this squared length a vector counts as zero: the gradient of the length is not defined
# there, and v would be smaller than the square of float32's resolution anyway.
_SMALLEST_SQUARE = 1e-24


def squash(vectors, axis=-1):
    """Shrinks vectors to a length below one and keeps their direction.

    `v = |s|^2 / (1 + |s|^2) * s / |s|`

    Equation 1 of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017).

    Args:
        vectors: float tensor of any shape, the total inputs `s`. Half precision is computed, and
            returned, as float32.
        axis: the axis that holds the components of one vector. Defaults to the last one.

    Returns:
        Tensor `v` of the same shape. Zero vectors stay zero, and their gradient is
        finite: zero but for 1e-12 times what comes in.

    Example:
        >>> squash(keras.ops.array([[3.0, 4.0]]))  # length 5 becomes 25 / 26
        [[0.5769, 0.7692]]
    """
    vectors = at_least_float32(vectors)
    square, length = _square_and_length(vectors, axis)
    return vectors * (length / (1.0 + square))


def squash_gradient(vectors, upstream, axis=-1):
    """Pulls a gradient back through `squash`: `J(s)^T g`, without storing anything.

    `J^T g = l / (1 + l^2) g + (1 - l^2) / (l (1 + l^2)^2) (s . g) s`, with `l = |s|`.

    Args:
        vectors: the inputs `s` that `squash` was given.
        upstream: the gradient `g` of the loss with respect to `squash(s)`, of the same shape.
        axis: as given to `squash`.

    Returns:
        The gradient of the loss with respect to `s`, of the same shape.
    """
    vectors, upstream = at_least_float32(vectors), at_least_float32(upstream)
    square, length = _square_and_length(vectors, axis)
    along = ops.sum(vectors * upstream, axis=axis, keepdims=True)
    turn = (1.0 - square) / (length * ops.square(1.0 + square))
    return upstream * (length / (1.0 + square)) + vectors * (turn * along)


def exponential_squash(vectors, axis=-1):
    """Shrinks vectors to a length below one, by the exponential of their length.

    `v = (1 - exp(-|s|)) s / |s|`

    The non-linearity of Mazzia, Salvetti and Chiaberge, "Efficient-CapsNet: capsule network with
    self-attention routing", arXiv:2101.12491 (2021). Short vectors keep their length, and pass
    their gradient on: `v` is `s` near zero, where `squash` gives `|s| s`.

    Args:
        vectors: float tensor of any shape, the total inputs `s`. Half precision is computed, and
            returned, as float32.
        axis: the axis that holds the components of one vector. Defaults to the last one.

    Returns:
        Tensor `v` of the same shape. Zero vectors stay zero, and their gradient is what comes in.

    Example:
        >>> exponential_squash(keras.ops.array([[3.0, 4.0]]))  # length 5 becomes 1 - exp(-5)
        [[0.5960, 0.7946]]
    """
    vectors = at_least_float32(vectors)
    _, length = _square_and_length(vectors, axis)
    return vectors * (-ops.expm1(-length) / length)


def _square_and_length(vectors, axis):
    square = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return square, ops.sqrt(ops.maximum(square, _SMALLEST_SQUARE))
