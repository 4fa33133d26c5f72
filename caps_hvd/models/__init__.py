"""Models: capsule networks, and a convolutional network to compare them with, over `keras.ops`.

They run on TensorFlow, JAX and PyTorch alike.
"""

from caps_hvd.models.capsule_classifier import CapsuleClassifier as CapsuleClassifier
from caps_hvd.models.classifier import Classifier as Classifier
from caps_hvd.models.classifier import compile_arguments as compile_arguments
from caps_hvd.models.convolutional_classifier import (
    ConvolutionalClassifier as ConvolutionalClassifier,
)
from caps_hvd.models.keras_classifier import KerasClassifier as KerasClassifier
from caps_hvd.models.registry import build as build
from caps_hvd.models.registry import set_precision as set_precision
from caps_hvd.models.summary import LayerCost as LayerCost
from caps_hvd.models.summary import summary as summary
