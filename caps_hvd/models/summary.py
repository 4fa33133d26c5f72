"""Costs of a model per image, layer by layer: parameters, FLOPs and bytes of activations."""

import dataclasses
import math

import keras

from caps_hvd.layers import (
    DepthwisePrimaryCapsules,
    PrimaryCapsules,
    RoutedCapsules,
    SelfAttentionCapsules,
    Standardization,
)
from caps_hvd.models.lane_capsule import LaneCapsule

# Layers with weights whose work is element-wise, and counts as nothing.
_ELEMENT_WISE = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Normalization,
    keras.layers.PReLU,
    Standardization,
)


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """One row of a model's summary; FLOPs count a multiplication and an addition as two.

    Parameters are those that are trained, which a step sends, not what is only kept with them.
    `forward_flops_per_image` is None for a layer with weights of a kind that is not known here.
    """

    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    forward_flops_per_image: int | None
    activation_bytes_per_image: int


def summary(model):
    """Lists what each layer of a `Classifier` costs in a forward pass.

    Args:
        model: a model from `caps_hvd.models.build`.

    Returns:
        List of `LayerCost`, encoder first, the layers of models inside it one by one. Element-wise
        operations count where they are a layer's main work (routing), not where they are a
        by-product (activation functions, squash).
    """
    layers = leaf_layers(model.encoder)
    if model.decoder is not None:
        layers += leaf_layers(model.decoder)
    return [
        LayerCost(
            layer=layer.name,
            output_shape=_output_shape(layer),
            parameters=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
            forward_flops_per_image=_flops(layer),
            activation_bytes_per_image=_bytes(layer),
        )
        for layer in layers
    ]


def leaf_layers(model):
    """The layers that a model computes with, those of models inside it in their place."""
    layers = []
    for layer in model.layers:
        if isinstance(layer, keras.Model) and layer.layers and _outputs(layer.layers[-1]):
            layers += leaf_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            layers.append(layer)
    return layers


def _outputs(layer) -> list:
    """The tensors that a layer gives; none where it is called in several places, or in none."""
    try:
        return keras.tree.flatten(layer.output)
    except (AttributeError, ValueError):
        return []


def _output_shape(layer) -> tuple[int, ...]:
    return next((tuple(tensor.shape[1:]) for tensor in _outputs(layer)), ())


def _bytes(layer):
    if isinstance(layer, LaneCapsule):
        return layer.cost().activation_bytes  # all its stages, in float32
    return sum(
        math.prod(side or 1 for side in tensor.shape[1:]) * _bits(tensor) // 8
        for tensor in _outputs(layer)
    )


def _bits(tensor) -> int:
    return int("".join(filter(str.isdigit, keras.backend.standardize_dtype(tensor.dtype))) or 8)


def _flops(layer):
    if isinstance(layer, LaneCapsule):
        return layer.cost().flops
    if isinstance(layer, PrimaryCapsules):
        rows, columns = layer.convolution.compute_output_shape(layer.input.shape)[1:3]
        return _product_flops(layer.convolution, rows * columns)
    if isinstance(layer, RoutedCapsules):
        return _routing_flops(layer)
    if isinstance(layer, DepthwisePrimaryCapsules):
        return _product_flops(layer, 1)
    if isinstance(layer, SelfAttentionCapsules):
        return _self_attention_flops(layer)
    if layer.weights and not _outputs(layer):
        return None
    if isinstance(layer, keras.layers.Conv2D):
        return _product_flops(layer, math.prod(_output_shape(layer)) // layer.filters)
    if isinstance(layer, keras.layers.Dense):
        return _product_flops(layer, math.prod(_output_shape(layer)[:-1]))
    if not layer.weights or isinstance(layer, _ELEMENT_WISE):
        return 0
    return None


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


def _self_attention_flops(layer):
    """The predictions; then their sum, agreement and total; and a softmax of about five passes."""
    classes, in_capsules, _, capsule_dim = layer.kernel.shape
    couplings = classes * in_capsules
    return _product_flops(layer, 1) + couplings * (5 * capsule_dim + 5)
