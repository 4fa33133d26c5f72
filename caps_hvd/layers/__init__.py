"""Keras layers that own weights or pick capsules; the arithmetic is in `caps_hvd.ops`."""

from caps_hvd.layers.capsule_length import CapsuleLength
from caps_hvd.layers.capsule_mask import CapsuleMask
from caps_hvd.layers.primary_capsules import PrimaryCapsules
from caps_hvd.layers.routed_capsules import RoutedCapsules

__all__ = ["CapsuleLength", "CapsuleMask", "PrimaryCapsules", "RoutedCapsules"]
