"""Training steps of single lanes, timed on this device with TensorFlow."""

import time
from collections.abc import Callable, Sequence

from caps_hvd.lanes.lane import Lane
from caps_hvd.system.backend import computes_on_cpu

_TURN_SECONDS = 0.2


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

    from caps_hvd.layers.convolution import choose_convolutions
    from caps_hvd.models.lane_capsule import LaneCapsule
    from caps_hvd.training.fused_adam import Adam

    layer = LaneCapsule(lane, classes)
    layer.build((None, *image_shape))
    choose_convolutions(layer, "auto" if computes_on_cpu() else "direct")
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
