"""Models: capsule networks, and a convolutional network to compare them with, over `keras.ops`.

They run on TensorFlow, JAX and PyTorch alike.
"""

from caps_hvd.models.capsule_classifier import CapsuleClassifier
from caps_hvd.models.classifier import Classifier, compile_arguments
from caps_hvd.models.convolutional_classifier import ConvolutionalClassifier
from caps_hvd.models.registry import build, set_precision
from caps_hvd.models.summary import LayerCost, summary

__all__ = [
    "CapsuleClassifier",
    "Classifier",
    "ConvolutionalClassifier",
    "LayerCost",
    "build",
    "compile_arguments",
    "set_precision",
    "summary",
]
