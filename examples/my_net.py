"""A model of one's own: caps-hvd train --model examples/my_net.py:build --dataset mnist_mini"""

import keras
from keras import layers

from caps_hvd.layers import PrimaryCapsules, RoutedCapsules
from caps_hvd.models import CapsuleClassifier


def build(image_shape, classes):
    """A plain Keras model: a small convolutional network that ends in a probability per class."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def capsules(image_shape, classes):
    """A capsule network: this package's layers, trained with the margin loss of their lengths."""
    encoder = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            PrimaryCapsules(types=4, capsule_dim=8, kernel_size=5, strides=2),
            RoutedCapsules(classes, capsule_dim=8, iterations=2),
        ]
    )
    return CapsuleClassifier(encoder)
