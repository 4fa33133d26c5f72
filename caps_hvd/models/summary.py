"""Costs of a model per image, layer by layer: parameters, FLOPs and bytes of activations."""

import dataclasses
import math

import keras

from caps_hvd.layers import PrimaryCapsules, RoutedCapsules
from caps_hvd.models.lane_capsule import LaneCapsule


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One row of a model's summary; FLOPs count a multiplication and an addition as two."""

    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    forward_flops_per_image: int
    activation_bytes_per_image: int


def summary(model):
    """Lists what each layer of a `Classifier` costs in a forward pass.

    Args:
        model: a model from `caps_hvd.models.build`.

    Returns:
        List of `LayerCost`, encoder first. Element-wise operations count where they are a layer's
        main work (routing), not where they are a by-product (activation functions, squash).
    """
    layers = [
        layer for layer in model.encoder.layers if not isinstance(layer, keras.layers.InputLayer)
    ]
    if model.decoder is not None:
        layers += model.decoder.layers
    return [
        LayerCost(
            layer=layer.name,
            output_shape=tuple(layer.output.shape[1:]),
            parameters=layer.count_params(),
            forward_flops_per_image=_flops(layer),
            activation_bytes_per_image=_bytes(layer),
        )
        for layer in layers
    ]


def _bytes(layer):
    if isinstance(layer, LaneCapsule):
        return layer.cost().activation_bytes  # all its stages, in float32
    tensor = layer.output
    bits = int("".join(filter(str.isdigit, keras.backend.standardize_dtype(tensor.dtype))))
    return math.prod(tensor.shape[1:]) * bits // 8


def _flops(layer):
    if isinstance(layer, LaneCapsule):
        return layer.cost().flops
    if isinstance(layer, PrimaryCapsules):
        rows, columns = layer.convolution.compute_output_shape(layer.input.shape)[1:3]
        return _product_flops(layer.convolution, rows * columns)
    if isinstance(layer, RoutedCapsules):
        return _routing_flops(layer)
    if isinstance(layer, keras.layers.Conv2D):
        return _product_flops(layer, math.prod(layer.output.shape[1:3]))
    if isinstance(layer, keras.layers.Dense):
        return _product_flops(layer, 1)
    return 0


def _product_flops(layer, positions):
    return 2 * positions * math.prod(layer.kernel.shape)


def _routing_flops(layer):
    """One vote per iteration and one agreement between two, each a product with the weights."""
    in_dim, classes, _, types = layer.kernel.shape
    in_capsules = layer.input.shape[1]
    product = 2 * math.prod(layer.kernel.shape)
    couplings = classes * in_capsules
    between = layer.iterations - 1
    # The scaling by x in vote and agreement, and the sum over d; with shared weights both votes and
    # agreements are products of couplings and capsules. Then a softmax of about five passes.
    scaling = 3 * in_dim if types == in_capsules else 4 * in_dim
    return (2 * between + 1) * product + between * couplings * (scaling + 5)
