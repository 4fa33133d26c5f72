"""The speed of this rank's device, timed with a tiny network."""

import time

_UNITS, _IMAGES = 512, 100
_WARM_UP_SECONDS = 0.2


def device_speed(seconds: float = 0.7) -> float:
    """Steps per second of a tiny network on this process's device, with this process's threads.

    The network is the one by which MLCN compares devices: a dense layer of 512 x 512, here
    forward and backward over 100 vectors. Rosario, Breternitz and Borin, "Efficiency and
    scalability of multi-lane capsule networks (MLCN)", JPDC 155 (2021). Only ratios between devices
    mean something.

    Steps are counted over a time, and not timed over a number: ranks that call it together and
    share a core are then in each other's way from the beginning to the end, as in training.

    Args:
        seconds: for which steps are counted, above 0. Tracing and warming up take about half a
            second more. Defaults to 0.7.

    Returns:
        Steps per second, above 0. Keras' random numbers and names of layers stay as they were.

    Example:
        >>> speeds = communicator.allgather_object(device_speed())
        >>> factors = [speed / min(speeds) for speed in speeds]
    """
    step = _dense_step()
    _count(step, _WARM_UP_SECONDS)
    return _count(step, seconds)


def _dense_step():
    """A step of the tiny network, which returns when its gradients are there."""
    import tensorflow as tf

    # Values do not change how long a product takes, as long as they stay far from underflow.
    inputs = tf.fill((_IMAGES, _UNITS), 0.5)
    kernel = tf.Variable(tf.fill((_UNITS, _UNITS), 0.1), trainable=False)
    bias = tf.Variable(tf.fill((_UNITS,), 0.1), trainable=False)

    @tf.function(autograph=False)
    def gradients(inputs, kernel, bias):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel, bias])
            loss = tf.reduce_sum(tf.nn.relu(tf.matmul(inputs, kernel) + bias))
        found = tape.gradient(loss, [inputs, kernel, bias])
        return tf.add_n([tf.reduce_max(gradient) for gradient in found])

    return lambda: gradients(inputs, kernel.value(), bias.value()).numpy()


def _count(step, seconds) -> float:
    """Steps per second over a time."""
    begin = time.perf_counter()
    steps = 0
    while (passed := time.perf_counter() - begin) < seconds or not steps:
        step()
        steps += 1
    return steps / passed
