"""Keras layers that own weights or pick capsules; the arithmetic is in `caps_hvd.ops`."""

from caps_hvd.layers.capsule_length import CapsuleLength
from caps_hvd.layers.capsule_mask import CapsuleChoice, CapsuleMask
from caps_hvd.layers.convolution import Conv2D
from caps_hvd.layers.depthwise_primary_capsules import DepthwisePrimaryCapsules
from caps_hvd.layers.primary_capsules import PrimaryCapsules
from caps_hvd.layers.routed_capsules import RoutedCapsules
from caps_hvd.layers.self_attention_capsules import SelfAttentionCapsules
from caps_hvd.layers.standardization import Standardization

__all__ = [
    "CapsuleChoice",
    "CapsuleLength",
    "CapsuleMask",
    "Conv2D",
    "DepthwisePrimaryCapsules",
    "PrimaryCapsules",
    "RoutedCapsules",
    "SelfAttentionCapsules",
    "Standardization",
]
