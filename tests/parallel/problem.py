"""A small model and data, made from seeds with numpy: the same in a worker and in the reference."""

import keras
import numpy as np

FEATURES, CLASSES, ROWS = 6, 3, 8  # ROWS per rank and step


def weights(seed=0):
    """Initial weights: a convolution and two dense layers."""
    generator = np.random.default_rng(seed)
    shapes = [(3, 1, 4), (4,), (FEATURES * 4, 8), (8,), (8, CLASSES), (CLASSES,)]
    return [generator.normal(0.0, 0.4, shape).astype(np.float32) for shape in shapes]


def model(seed=0, dtype=None):
    """The network; in float64, where many steps are to be compared closely."""
    net = keras.Sequential(
        [
            keras.layers.Input((FEATURES, 1)),
            keras.layers.Conv1D(4, 3, padding="same", activation="tanh", dtype=dtype),
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(8, activation="tanh", dtype=dtype),
            keras.layers.Dense(CLASSES, dtype=dtype or "float32"),
        ]
    )
    net.set_weights(weights(seed))
    return net


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def batches(rank, steps, rows=ROWS):
    """Different inputs and labels for each rank: (steps, rows, FEATURES, 1), (steps, rows)."""
    generator = np.random.default_rng(100 + rank)
    inputs = generator.normal(size=(steps, rows, FEATURES, 1)).astype(np.float32)
    return inputs, generator.integers(0, CLASSES, (steps, rows))


def gradients(net, inputs, labels):
    """Gradients of the mean loss over one batch, in one process, by TensorFlow alone."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss()(labels, net(inputs, training=True))
    return tape.gradient(value, [variable.value for variable in net.trainable_variables])


def all_ranks(size, steps, rows=ROWS):
    """The batches of all ranks joined: (steps, size * rows, ...)."""
    every = [batches(rank, steps, rows) for rank in range(size)]
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*every, strict=True))
