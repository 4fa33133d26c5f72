"""Milliseconds of an update of Adam for the weights of the paper's CapsNet: one pass against Keras.

    python -m benchmarks.adam

Gradients are there already.  Whatever the batch, a step has one such update.
"""

import argparse

import keras

from benchmarks.harness import medians, ratio, take_turns, write_record
from caps_hvd import models
from caps_hvd.config.model import CapsNetOptions
from caps_hvd.training import fused_adam


def update(optimizer):
    """Returns a function that updates all 8.2 million weights once."""
    import tensorflow as tf

    model = models.build(CapsNetOptions(preset="paper"), (28, 28, 1), 10)
    variables = model.trainable_variables
    optimizer.build(variables)
    gradients = [tf.random.normal(variable.shape, stddev=1e-3) for variable in variables]

    @tf.function(autograph=False)
    def step():
        optimizer.apply(gradients, variables)

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="timed updates of each")
    rounds = parser.parse_args().rounds
    seconds = take_turns(
        {
            "keras.optimizers.Adam": update(keras.optimizers.Adam()),
            "one pass": update(fused_adam.Adam()),
        },
        rounds,
    )
    figures = {"weights": 8_215_568, "rounds": rounds}
    figures |= {f"{name}: ms": 1000 * value for name, value in medians(seconds).items()}
    figures["keras.optimizers.Adam / one pass"] = ratio(
        seconds, "keras.optimizers.Adam", "one pass"
    )
    write_record("adam", figures)


if __name__ == "__main__":
    main()
