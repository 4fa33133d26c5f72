"""Seconds of a full training step of the paper's CapsNet, by form of routing.

    python -m benchmarks.capsnet_step

Adam, random images of 28 x 28 x 1. "no routing" is the same network with one iteration, whose
couplings are uniform.
"""

import argparse
import unittest.mock

import keras
import numpy as np

from benchmarks.harness import medians, ratio, take_turns, write_record
from benchmarks.routing_forms import FORMS
from caps_hvd import models
from caps_hvd.config.model import CapsNetOptions


def build(form="factored", iterations=3, precision="float32"):
    """Returns the paper's CapsNet with the given form of routing, compiled."""
    models.set_precision(precision)
    with unittest.mock.patch("caps_hvd.models.capsnet.RoutedCapsules", FORMS[form]):
        options = CapsNetOptions(preset="paper", routing_iterations=iterations)
        model = models.build(options, (28, 28, 1), 10)
    model.compile(keras.optimizers.Adam(), **models.compile_arguments(model), jit_compile=False)
    return model


def stepper(model, batch):
    """Returns a function that runs one training step on random images."""
    rng = np.random.default_rng(0)
    image = rng.random((batch, *model.image_shape)).astype("float32")
    label = rng.integers(0, model.classes, batch).astype("int32")
    inputs, targets = {"image": image, "label": label}, {"scores": label, "reconstruction": image}
    return lambda: model.train_on_batch(inputs, targets)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=100, help="images per step")
    parser.add_argument("--rounds", type=int, default=11, help="timed steps of each")
    arguments = parser.parse_args()

    steps = {"no routing": stepper(build(iterations=1), arguments.batch)}
    for form in FORMS:
        steps[form] = stepper(build(form), arguments.batch)
    seconds = take_turns(steps, arguments.rounds)

    figures = {"batch": arguments.batch, "rounds": arguments.rounds}
    figures |= {f"{name}: seconds": value for name, value in medians(seconds).items()}
    figures |= {
        "factored / no routing": ratio(seconds, "factored", "no routing"),
        "tile-and-matmul / factored": ratio(seconds, "tile-and-matmul", "factored"),
        "einsum / factored": ratio(seconds, "einsum", "factored"),
    }
    write_record("capsnet_step", figures)


if __name__ == "__main__":
    main()
