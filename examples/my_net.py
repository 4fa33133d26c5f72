"""Models of one's own: caps-hvd train --model examples/my_net.py:build --dataset mnist_mini"""

import keras
from keras import layers

from caps_hvd.layers import PrimaryCapsules, RoutedCapsules, Standardization
from caps_hvd.models import CapsuleClassifier


def build(image_shape, classes):
    """A plain Keras model that ends in a probability for each class."""
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
    """A capsule network of this package's layers, trained with the margin loss."""
    stack = [
        keras.Input(image_shape),
        Standardization(),
        layers.Conv2D(16, 5, strides=2, activation="relu", padding="same"),
        PrimaryCapsules(types=4, capsule_dim=8, kernel_size=3),
        RoutedCapsules(classes, capsule_dim=8, initialization="scaled"),
    ]
    return CapsuleClassifier(keras.Sequential(stack))
