"""Seconds of a full training step of the paper's CapsNet, by form of routing.

    python -m benchmarks.capsnet_step

Adam, random images of 28 x 28 x 1. "no routing" is the same network with one iteration, whose
couplings are uniform.
"""

import unittest.mock

import keras
import numpy as np

from benchmarks.harness import arguments, compared, take_turns, write_record
from benchmarks.routing_forms import FORMS
from caps_hvd import models

OPTIONS = {"batch": (100, "images per step"), "rounds": (11, "timed steps of each")}


def build(form="factored", iterations=3, precision="float32"):
    """Returns the paper's CapsNet with the given form of routing, compiled."""
    models.set_precision(precision)
    with unittest.mock.patch("caps_hvd.models.capsnet.RoutedCapsules", FORMS[form]):
        model = models.build(
            "capsnet", (28, 28, 1), 10, preset="paper", routing_iterations=iterations
        )
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
    options = arguments(__doc__, **OPTIONS)
    built = {"no routing": build(iterations=1)} | {form: build(form) for form in FORMS}
    steps = {name: stepper(model, options.batch) for name, model in built.items()}
    figures = compared(
        take_turns(steps, options.rounds),
        "factored / no routing",
        "tile-and-matmul / factored",
        "einsum / factored",
    )
    write_record("capsnet_step", vars(options) | figures)


if __name__ == "__main__":
    main()
