"""A layer of capsules that the capsules below are routed to by agreement."""

import keras

from caps_hvd.ops.routing import dynamic_routing


@keras.saving.register_keras_serializable(package="caps_hvd")
class RoutedCapsules(keras.layers.Layer):
    """Owns the transformations from input to output capsules, and routes through them.

    `v = dynamic_routing(x, W)`; see `caps_hvd.ops.routing` for the equations and for the
    form that keeps the prediction tensor out of memory.

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
        kernel_initializer: initializer of the transformations. Defaults to a normal distribution
            with a standard deviation of 0.1.

    Input shape: (batch, in_capsules, in_dim).
    Output shape: (batch, classes, capsule_dim), at least float32.

    Raises:
        ValueError: if the number of input capsules is not a multiple of `types`.
    """

    def __init__(
        self,
        classes,
        capsule_dim,
        iterations=3,
        stop_gradient=False,
        types=None,
        memory_mib=None,
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
        # The axis order of `dynamic_routing`: input capsules innermost.
        self.kernel = self.add_weight(
            shape=(in_dim, self.classes, self.capsule_dim, types),
            initializer=self.kernel_initializer,
            name="kernel",
        )

    def call(self, capsules):
        return dynamic_routing(
            capsules,
            self.kernel,
            iterations=self.iterations,
            stop_gradient=self.stop_gradient,
            memory_mib=self.memory_mib,
        )

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
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
