"""How fast this device is, and how long a lane takes on it: timed with TensorFlow."""

import time
from collections.abc import Callable, Sequence

from caps_hvd.lanes.lane import Lane

_UNITS, _IMAGES = 512, 100
_WARM_UP_SECONDS = 0.2
_TURN_SECONDS = 0.2


def device_speed(seconds: float = 0.7) -> float:
    """Steps per second of a tiny network on this process's device, with this process's threads.

    The network is the one by which the source compares devices: a dense layer of 512 x 512, here
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


def lane_step(lane: Lane, image_shape, batch_size: int, classes: int = 10) -> Callable[[], float]:
    """A training step of one lane alone, on random images: forward, backward and Adam's update.

    The loss is the sum of the squares of what the lane adds to each class, which costs nothing.

    Args:
        lane: what to train, routed as published, in float32.
        image_shape: (height, width, channels) of an image.
        batch_size: images of a step.
        classes: dimensions of the lane's capsule. Defaults to 10.

    Returns:
        A function that takes one step, and returns the loss when the weights are updated.

    Raises:
        ConfigError: the image is too small for the lane.
    """
    import tensorflow as tf

    from caps_hvd.models.lane_capsule import LaneCapsule
    from caps_hvd.training.fused_adam import Adam

    layer = LaneCapsule(str(lane), classes)
    layer.build((None, *image_shape))
    variables = layer.trainable_variables
    optimizer = Adam()
    optimizer.build(variables)
    images = tf.random.stateless_uniform((batch_size, *image_shape), seed=(0, 0))

    @tf.function(autograph=False)
    def train(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(images) ** 2)
        optimizer.apply(tape.gradient(loss, [each.value for each in variables]), variables)
        return loss

    # As it is: called through the function above, TensorFlow would warn that many lanes are many
    # traces.
    concrete = train.get_concrete_function(images)
    return lambda: float(concrete(images))


def time_steps(steps: Sequence[Callable], rounds: int, say: Callable = print) -> tuple[float, ...]:
    """The least seconds of each step, which others on the machine disturbed least.

    Steps take turns, so that a machine that is slower for a while is so for all of them; in a turn
    a step that is short is repeated for a fifth of a second.

    Args:
        steps: to be timed.
        rounds: turns of each, 1 or more; one more before them is not counted.
        say: is told of each round.
    """
    least = [float("inf")] * len(steps)
    for turn in range(-1, rounds):
        begin = time.perf_counter()
        for index, step in enumerate(steps):
            seconds = _least(step)
            if turn >= 0:
                least[index] = min(least[index], seconds)
        which = f"round {turn + 1} of {rounds}" if turn >= 0 else "warming up"
        say(f"{which}: {time.perf_counter() - begin:.0f} s")
    return tuple(least)


def _least(step) -> float:
    """The least seconds of as many calls as begin within a turn."""
    begin = time.perf_counter()
    least = float("inf")
    while (start := time.perf_counter()) - begin < _TURN_SECONDS:
        step()
        least = min(least, time.perf_counter() - start)
    return least


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
