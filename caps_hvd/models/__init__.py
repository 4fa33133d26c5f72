"""Capsule networks over `keras.ops`: they run on TensorFlow, JAX and PyTorch alike."""

from caps_hvd.models.capsule_classifier import CapsuleClassifier
from caps_hvd.models.registry import build, compile_arguments, names, set_precision
from caps_hvd.models.summary import LayerCost, summary

__all__ = [
    "CapsuleClassifier",
    "LayerCost",
    "build",
    "compile_arguments",
    "names",
    "set_precision",
    "summary",
]
