"""A layer of capsules that the capsules below are routed to by agreement."""

import contextlib
import math

import keras
import numpy as np
from keras import ops

from caps_hvd.ops.precision import at_least_float32
from caps_hvd.ops.routing import dynamic_routing

_IN_CAPSULES, _CLASSES = 1152, 10  # of the paper's network on images of 28 x 28
_TRIES = 4  # |s| is proportional to the gain: the second is right unless capsules are saturated


@keras.saving.register_keras_serializable(package="caps_hvd")
class RoutedCapsules(keras.layers.Layer):
    """Owns the transformations from input to output capsules, and routes through them.

    `v = dynamic_routing(g x, W)`; see `caps_hvd.ops.routing` for the equations and for the
    form that keeps the prediction tensor out of memory.

    With N input and K output capsules, a total input `s_j` is a sum of N terms with couplings near
    1 / K. At "published" (Sabour, Frosst and Hinton 2017) `g` is 1 and the deviation of the
    fresh W is 0.1 whatever N and K, so a network far from the paper's starts with capsules that are
    all long or all short, where squash has no gradient, or gets there in Adam's first steps: each
    moves W by the learning rate, and `s` by the N terms together. At "scaled" the deviation is
    `0.1 sqrt(N / 1152)`, and below ten classes 10 / K times that; the gain `g` is what makes the
    output capsules of the first images as long as is asked for (`scale_start`). A step of Adam then
    moves every capsule by the same part of its length as in the paper's network, where N is 1152,
    and by a smaller one with few classes: each is in many images then, which agree on the step.

    Args:
        classes: output capsules.
        capsule_dim: components of an output capsule.
        iterations: routing iterations, 1 (uniform couplings) or more.
        stop_gradient: whether gradients skip all routing iterations but the last. Defaults to
            False.
        types: number of types of input capsules; all positions of an image then share the
            transformations of a type, input capsule i being of type i modulo types, as
            `PrimaryCapsules` orders them. Defaults to None: each has transformations of its own.
        memory_mib: limit in MiB for the working memory of routing; the batch then goes through in
            blocks. Defaults to None, no limit.
        initialization: "published" or "scaled". Defaults to "published".
        kernel_initializer: initializer of the transformations, which "scaled" multiplies as said
            above. Defaults to a normal distribution with a standard deviation of 0.1.

    Input shape: (batch, in_capsules, in_dim).
    Output shape: (batch, classes, capsule_dim), at least float32.

    Raises:
        ValueError: if the number of input capsules is not a multiple of `types`.
    """

    on_call = None  # is told the input capsules of each call; see `routed_inputs`

    def __init__(
        self,
        classes,
        capsule_dim,
        iterations=3,
        stop_gradient=False,
        types=None,
        memory_mib=None,
        initialization="published",
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.classes = classes
        self.capsule_dim = capsule_dim
        self.iterations = iterations
        self.stop_gradient = stop_gradient
        self.types = types
        self.memory_mib = memory_mib
        self.initialization = initialization
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or keras.initializers.RandomNormal(stddev=0.1)
        )

    def build(self, input_shape):
        _, in_capsules, in_dim = input_shape
        types = self.types or in_capsules
        if in_capsules % types != 0:
            raise ValueError(
                "`types` must divide the number of input capsules. "
                f"Received: types={types}, input_shape={tuple(input_shape)}"
            )
        factor = 1.0
        if self.initialization == "scaled":
            factor = math.sqrt(in_capsules / _IN_CAPSULES) * _few_classes(self.classes)
            self.gain = self.add_weight(
                shape=(), initializer="ones", trainable=False, dtype="float32", name="gain"
            )
        # The axis order of `dynamic_routing`: input capsules innermost.
        self.kernel = self.add_weight(
            shape=(in_dim, self.classes, self.capsule_dim, types),
            initializer=lambda *shape, **kind: factor * self.kernel_initializer(*shape, **kind),
            name="kernel",
        )

    def call(self, capsules):
        if self.on_call is not None:
            self.on_call(capsules)
        if self.initialization == "scaled":
            capsules = capsules * ops.cast(self.gain, capsules.dtype)
        return dynamic_routing(
            capsules,
            self.kernel,
            iterations=self.iterations,
            stop_gradient=self.stop_gradient,
            memory_mib=self.memory_mib,
        )

    def scale_start(self, blocks, length):
        """Sets the gain by which output capsules are of a certain length on average.

        Layer-sequential unit variance (Mishkin and Matas 2015, arXiv:1511.06422), for the lengths
        that output capsules have with couplings of 1 / K, at least 1 / 10, and input capsules of
        length 1. Squash gives these no greater length: at the start they are shorter, and grow
        within a few steps, many times in a wide network; so do the couplings of many classes.

        Args:
            blocks: list of input capsules of some images, (batch, in_capsules, in_dim) each. One
                block at a time is routed, and blocks of one shape are compiled once where every
                operation is (JAX).
            length: mean length that the output capsules are to have then, below 1.
        """
        blocks = [_of_length_one(capsules) for capsules in blocks]
        for _ in range(_TRIES):
            total_inputs = np.concatenate([self._total_inputs(capsules) for capsules in blocks])
            now = float(np.mean(total_inputs)) * max(1, self.classes / _CLASSES)
            if now == 0:  # nothing comes in
                return
            factor = math.sqrt(length / (1 - length)) / now
            self.gain.assign(self.gain * factor)
            if abs(factor - 1) < 0.01:
                return

    def _total_inputs(self, capsules):
        """|s| of each output capsule with uniform couplings, by |v| = |s|^2 / (1 + |s|^2)."""
        outputs = dynamic_routing(capsules * self.gain, self.kernel, iterations=1)
        lengths = np.linalg.norm(ops.convert_to_numpy(outputs), axis=-1)
        return np.sqrt(lengths / np.maximum(1.0 - lengths, 1e-6))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classes, self.capsule_dim)

    def get_config(self):
        return super().get_config() | {
            "classes": self.classes,
            "capsule_dim": self.capsule_dim,
            "iterations": self.iterations,
            "stop_gradient": self.stop_gradient,
            "types": self.types,
            "memory_mib": self.memory_mib,
            "initialization": self.initialization,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _of_length_one(capsules):
    capsules = at_least_float32(capsules)
    square = ops.sum(ops.square(capsules), axis=-1, keepdims=True)
    return capsules / ops.sqrt(ops.maximum(square, 1e-30))


def _few_classes(classes):
    """A factor for the start of few classes; 1 for a lane's single capsule, which has no rivals."""
    return max(1, _CLASSES / classes) if classes > 1 else 1


@contextlib.contextmanager
def routed_inputs(model):
    """Collects what the `RoutedCapsules` of a model are given, while it is called.

    Args:
        model: whose layers they are, those inside of other layers included.

    Yields:
        Dict from layer to the list of its input capsules, one entry for each call.
    """
    layers = [each for each in model._flatten_layers() if isinstance(each, RoutedCapsules)]
    seen = {layer: [] for layer in layers}
    for layer in layers:
        layer.on_call = seen[layer].append
    try:
        yield seen
    finally:
        for layer in layers:
            layer.on_call = None
