"""A lane as a layer: from the image to one value for each class, a dimension of its capsule."""

import random

import keras
from keras import ops

from caps_hvd.config.model import MlcnOptions
from caps_hvd.lanes import geometry
from caps_hvd.lanes.cost import LaneCost, network_cost
from caps_hvd.lanes.lane import from_texts
from caps_hvd.layers import Conv2D, PrimaryCapsules, RoutedCapsules


@keras.saving.register_keras_serializable(package="caps_hvd")
class LaneCapsule(keras.layers.Layer):
    """A lane of a multi-lane capsule network, whose capsule is one dimension of every class.

    Rosario, Borin and Breternitz, "The Multi-Lane Capsule Network", arXiv:1902.08431 (2019). The
    layers are those of `caps_hvd.lanes.geometry.stages`; at their end all primary capsules `x_i` of
    the lane are routed, in one of two ways with as many weights:

        published   to one capsule `v = squash(sum_i W_i^T x_i)` of `classes` components. The
                    softmax over a single output capsule is constant 1, so routing does nothing, and
                    no iterations are computed. Squash runs over the lane's classes, which share a
                    length below 1.
        classes     to `classes` capsules of one component, `v_j = squash(sum_i c_ij u_ij)`. The
                    couplings are a softmax over the classes, which compete for each input capsule.
                    Squash of one component is `s |s| / (1 + s^2)`, for each class alone.

    Either way a component is between -1 and 1, and a class capsule that several lanes have filled
    may be longer than 1.

    Args:
        lane: a `Lane`; in a configuration of Keras its text, such as "mlcn2, width 4, depth 1".
        classes: how many classes there are.
        routing: one of `caps_hvd.config.lanes.ROUTINGS`. Defaults to "published".
        iterations: of routing to classes. Defaults to that of `MlcnOptions`.
        stop_gradient: of routing to classes, as in `RoutedCapsules`. Defaults to False.
        memory_mib: of routing, as in `RoutedCapsules`. Defaults to None, no limit.
        initialization: of routing, as in `RoutedCapsules`. Defaults to "published".
        seed: of the initial weights, which depend on it and on the lane alone. Convolutions start
            as in He et al., "Delving Deep into Rectifiers" (2015). Defaults to 0.

    Input shape: (batch, height, width, channels).
    Output shape: (batch, classes, 1), at least float32.

    Raises:
        ConfigError: the image is too small for the lane, when it is built.
    """

    def __init__(
        self,
        lane,
        classes,
        routing=MlcnOptions.lane_routing,
        iterations=MlcnOptions.routing_iterations,
        stop_gradient=False,
        memory_mib=None,
        initialization="published",
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.lane = lane
        self.classes = classes
        self.routing = routing
        self.iterations = iterations
        self.stop_gradient = stop_gradient
        self.memory_mib = memory_mib
        self.initialization = initialization
        self.seed = seed

    def build(self, input_shape):
        self.stages = geometry.stages(self.lane, tuple(input_shape[1:]), self.classes)
        chance = random.Random(self.seed)
        self.parts = {}
        for stage in self.stages:
            layer = self._layer(stage, lambda: chance.getrandbits(31))
            if layer is not None:
                layer.build((None, *stage.input_shape))
                self.parts[layer.name] = layer

    def call(self, images):
        values, levels = images, []
        for stage in self.stages:
            match stage:
                case geometry.CapsuleImage():
                    values = ops.expand_dims(levels[-1], -1)
                case geometry.Concatenation():
                    values = ops.concatenate(levels, axis=1)
                case geometry.PrimaryLevel():
                    values = self.parts[stage.name](values)
                    levels.append(values)
                case geometry.Convolution():
                    values = self.parts[stage.name](values)
                case geometry.Routing():
                    values = self.parts["routing"](values)
        # (batch, 1, classes) as published, (batch, classes, 1) otherwise
        return ops.reshape(values, (-1, self.classes, 1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classes, 1)

    def cost(self) -> LaneCost:
        """What a forward pass over one image costs, and the parameters."""
        return network_cost(self.stages, 1, 1 if self.routing == "published" else self.iterations)

    def get_config(self):
        return super().get_config() | {
            "lane": str(self.lane),
            "classes": self.classes,
            "routing": self.routing,
            "iterations": self.iterations,
            "stop_gradient": self.stop_gradient,
            "memory_mib": self.memory_mib,
            "initialization": self.initialization,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        (lane,) = from_texts([config["lane"]])
        return super().from_config(config | {"lane": lane})

    def _layer(self, stage, seed):
        """The Keras layer of a stage; None for one that has no weights."""
        # HeUniform keeps the size of values through ReLU. With Keras' default, which MLCN
        # takes, they shrink at each of five convolutions, and squash squares what is left: fresh
        # lanes of type mlcn2 would be near zero, and hardly learn in their first epochs.
        initializers = keras.initializers
        match stage:
            case geometry.Convolution():
                facts = {
                    "filters": stage.filters,
                    "kernel_size": stage.kernel,
                    "padding": stage.padding,
                    "activation": stage.activation,
                    "dtype": self.dtype_policy,
                    "name": stage.name,
                }
                first = initializers.HeUniform(seed())
                if not stage.separable:
                    return Conv2D(kernel_initializer=first, **facts)
                return keras.layers.SeparableConv2D(
                    depthwise_initializer=first,
                    pointwise_initializer=initializers.HeUniform(seed()),
                    **facts,
                )
            case geometry.PrimaryLevel():
                return PrimaryCapsules(
                    stage.types,
                    stage.dim,
                    stage.kernel,
                    stage.strides,
                    kernel_initializer=initializers.HeUniform(seed()),
                    dtype=self.dtype_policy,
                    name=stage.name,
                )
            case geometry.Routing():
                one = self.routing == "published"
                return RoutedCapsules(
                    1 if one else self.classes,
                    self.classes if one else 1,
                    iterations=1 if one else self.iterations,
                    stop_gradient=self.stop_gradient,
                    memory_mib=self.memory_mib,
                    initialization=self.initialization,
                    kernel_initializer=initializers.RandomNormal(stddev=0.1, seed=seed()),
                    dtype=self.dtype_policy,
                    name="routing",
                )
        return None
