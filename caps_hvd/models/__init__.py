"""Capsule networks and what they are compared with, over `keras.ops`.

They run on TensorFlow, JAX and PyTorch alike.
"""

from caps_hvd.models.capsule_classifier import CapsuleClassifier
from caps_hvd.models.classifier import Classifier
from caps_hvd.models.convolutional_classifier import ConvolutionalClassifier
from caps_hvd.models.registry import build, compile_arguments, names, options, set_precision
from caps_hvd.models.summary import LayerCost, summary

__all__ = [
    "CapsuleClassifier",
    "Classifier",
    "ConvolutionalClassifier",
    "LayerCost",
    "build",
    "compile_arguments",
    "names",
    "options",
    "set_precision",
    "summary",
]
