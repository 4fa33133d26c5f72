"""Milliseconds of an update of Adam for the weights of the paper's CapsNet: one pass against Keras.

    python -m benchmarks.adam

Gradients are there already.  Whatever the batch, a step has one such update.
"""

import keras

from benchmarks.harness import arguments, compared, take_turns, write_record
from caps_hvd import models
from caps_hvd.training import fused_adam


def update(optimizer, variables):
    """Returns a function that updates all weights once."""
    import tensorflow as tf

    if not optimizer.built:
        optimizer.build(variables)
    gradients = [tf.random.normal(variable.shape, stddev=1e-3) for variable in variables]

    @tf.function(autograph=False)
    def step():
        optimizer.apply(gradients, variables)

    return step


def main():
    options = arguments(__doc__, rounds=(31, "timed updates of each"))
    optimizers = {"keras.optimizers.Adam": keras.optimizers.Adam(), "one pass": fused_adam.Adam()}
    built = {name: models.build("capsnet", (28, 28, 1), 10, preset="paper") for name in optimizers}
    steps = {name: update(optimizers[name], built[name].trainable_variables) for name in built}
    seconds = take_turns(steps, options.rounds)
    figures = compared(seconds, "keras.optimizers.Adam / one pass", unit="ms")
    write_record("adam", {"weights": 8_215_568} | vars(options) | figures)


if __name__ == "__main__":
    main()
