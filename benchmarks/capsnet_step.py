"""Seconds of a full training step of a CapsNet, today's form beside the usual ones.

    python -m benchmarks.capsnet_step
    python -m benchmarks.capsnet_step --avx2        (as on a processor without AVX-512)
    python -m benchmarks.capsnet_step --width 56 --preset slim --batch 64 --classes 100

Random images; each form in a process with its own environment, taking turns:

    no routing       the new form with one routing iteration, whose couplings are uniform
    new              convolutions by their shapes, operations in C++, oneDNN
    keras.ops        the same without the operations in C++
    library          library convolutions, factored routing in keras.ops, TensorFlow's default
    einsum, tile-and-matmul   the usual forms of routing, library convolutions, Keras's Adam and
                     TensorFlow's default; what most people start from

TensorFlow's default is oneDNN on processors with AVX512_VNNI and Eigen on others.
"""

import contextlib
import unittest.mock

from benchmarks.harness import StepInChild, arguments, compared, take_turns, write_record
from caps_hvd.system.backend import ONEDNN

OPTIONS = {
    "batch": (100, "images per step"),
    "rounds": (11, "timed steps of each"),
    "preset": ("paper", "size of the network"),
    "classes": (10, "how many there are"),
    "height": (28, "of the images in pixels"),
    "width": (28, "of the images in pixels"),
    "avx2": (False, "leave AVX-512 unused, and oneDNN off where that is then the default"),
    "forms": (
        ["no routing", "new", "keras.ops", "library", "einsum", "tile-and-matmul"],
        "what takes turns",
    ),
    "record": ("capsnet_step", "name of the record"),
}
NEW = {ONEDNN: "1", "CAPS_HVD_NATIVE_OPS": "1"}
DEFAULT = {ONEDNN: None, "CAPS_HVD_NATIVE_OPS": "0"}
ENVIRONMENTS = {
    "no routing": NEW,
    "new": NEW,
    "keras.ops": NEW | {"CAPS_HVD_NATIVE_OPS": "0"},
    "library": DEFAULT,
    "einsum": DEFAULT,
    "tile-and-matmul": DEFAULT,
}
RATIOS = (
    ("new", "no routing"),
    ("library", "new"),
    ("keras.ops", "new"),
    ("einsum", "new"),
    ("tile-and-matmul", "new"),
)


def environment(form, avx2):
    """Environment variables of a form."""
    found = ENVIRONMENTS[form]
    if avx2:
        native = "avx2" if found["CAPS_HVD_NATIVE_OPS"] == "1" else "0"
        found = {ONEDNN: found[ONEDNN] or "0", "CAPS_HVD_NATIVE_OPS": native}
        found |= {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    return found


def stepper(form, batch, preset="paper", classes=10, height=28, width=28):
    """Returns a function that runs one training step on random images."""
    from caps_hvd.system.backend import start_keras

    new = form in ("new", "no routing", "keras.ops")
    if new:
        start_keras()
    import keras

    from caps_hvd.config.model import CapsNetOptions

    options = CapsNetOptions(preset=preset, routing_iterations=1 if form == "no routing" else 3)
    usual = form in ("einsum", "tile-and-matmul")
    model = build(
        options,
        (height, width, 1),
        classes,
        routing=form if usual else "factored",
        convolution="auto" if new else "direct",
        optimizer=keras.optimizers.Adam() if usual else None,
    )
    return step_of(model, batch)


def build(
    options,
    image_shape=(28, 28, 1),
    classes=10,
    routing="factored",
    convolution="auto",
    precision="float32",
    optimizer=None,
):
    """Returns a CapsNet of these options with the given forms, compiled with Adam in one pass."""
    from benchmarks.routing_forms import FORMS
    from caps_hvd import models
    from caps_hvd.layers.convolution import choose_convolutions
    from caps_hvd.training.fused_adam import Adam

    models.set_precision(precision)
    with unittest.mock.patch("caps_hvd.models.capsnet.RoutedCapsules", FORMS[routing]):
        model = models.build(options, image_shape, classes)
    model.compile(optimizer or Adam(), **models.compile_arguments(model), jit_compile=False)
    choose_convolutions(model, convolution)
    return model


def step_of(model, batch):
    """Returns a function that runs one training step of a compiled model on random images."""
    import numpy as np

    rng = np.random.default_rng(0)
    image = rng.random((batch, *model.image_shape)).astype("float32")
    label = rng.integers(0, model.classes, batch).astype("int32")
    inputs, targets = {"image": image, "label": label}, {"scores": label, "reconstruction": image}
    return lambda: model.train_on_batch(inputs, targets)


def measure(options, **changes):
    """Figures of the forms, in turns."""
    names = ("batch", "preset", "classes", "height", "width")
    given = {name: getattr(options, name) for name in names} | changes
    with contextlib.ExitStack() as children:
        steps = {}
        for form in options.forms:
            child = StepInChild(stepper, given | {"form": form}, environment(form, options.avx2))
            steps[form] = children.enter_context(child)
        seconds = take_turns(steps, options.rounds)
    ratios = [f"{one} / {other}" for one, other in RATIOS if {one, other} <= steps.keys()]
    return compared(seconds, *ratios)


def main():
    options = arguments(__doc__, **OPTIONS)
    write_record(options.record, vars(options) | measure(options), "capsnet_step")


if __name__ == "__main__":
    main()
