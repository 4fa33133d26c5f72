"""Milliseconds of the parts of a training step of the paper's CapsNet, beside their floor.

    python -m benchmarks.step_parts

Each part runs forward and backward by itself, in turns with the whole step. The floor of a part is
what this machine cannot do faster: its multiply-adds at the rate of the fastest product, large or
batched, or the bytes of its tensors, each read and written once, at the rate of a copy, whichever
takes longer; both rates are measured in the same process. It is counted from the paper's
step alone: the bilinear form's 148 products of the second convolution, and what the definition of
everything else takes.
"""

import dataclasses

from benchmarks.harness import arguments, medians, take_turns, write_record

# Of the paper's network: input capsules, their components, classes, their components.
CAPSULES, IN_DIM, CLASSES, OUT_DIM = 1152, 8, 10, 16
WEIGHTS = 8_215_568


@dataclasses.dataclass(frozen=True)
class Floor:
    """What a part must compute and move: multiply-adds, and bytes of tensors of float32."""

    multiply_adds: float
    bytes: float

    def seconds(self, product, copy):
        """At these rates, of multiply-adds and bytes per second."""
        return max(self.multiply_adds / product, self.bytes / copy)


def floors(batch):
    """The floors of the parts, forward and backward."""
    image, pixels, grid = 28 * 28, 20 * 20 * 256, 6 * 6 * 256
    first, second = 81 * 256, 81 * 256 * 256
    predictions = CAPSULES * CLASSES * OUT_DIM
    routed = IN_DIM * predictions
    decoder = 160 * 512 + 512 * 1024 + 1024 * 784
    return {
        # Its input needs no gradient, so it has two passes and not three.
        "first convolution": Floor(
            2 * batch * 400 * first, 4 * (batch * (2 * image + 3 * pixels) + 2 * first)
        ),
        "second convolution": Floor(
            3 * batch * 148 * 1024 * 256, 4 * (batch * 3 * (pixels + grid) + 3 * second)
        ),
        # Predictions, three votes and two agreements, all with their gradients.
        "routing": Floor(
            batch * (3 * routed + 3 * 5 * predictions),
            4 * (batch * 3 * CAPSULES * IN_DIM + 3 * routed),
        ),
        "decoder": Floor(3 * batch * decoder, 4 * 3 * decoder),
        # Weight, gradient and two moments are read, all but the gradient written.
        "Adam": Floor(0, 4 * 7 * WEIGHTS),
    }


def main():
    options = arguments(
        __doc__, batch=(100, "images per step"), rounds=(9, "timed runs of each part")
    )
    from caps_hvd.system.backend import start_keras

    start_keras()
    parts, whole = build(options.batch)
    seconds = take_turns(parts | {"whole step": whole} | machine(), options.rounds, warm_up=3)
    found = medians(seconds)
    copy = 8 * _COPIED / found.pop("copy")
    product = max(_PRODUCT**3 / found.pop("product"), 148 * 100 * 1024 * 256 / found.pop("slots"))
    figures = {"GFLOP/s of a product": 2 * product / 1e9, "GB/s of a copy": copy / 1e9}
    bottoms = {name: floor.seconds(product, copy) for name, floor in floors(options.batch).items()}
    for name, value in found.items():
        figures[f"{name}: ms"] = 1e3 * value
        if name in bottoms:
            figures[f"{name}: floor, ms"] = 1e3 * bottoms[name]
    figures["whole step: floor, ms"] = 1e3 * sum(bottoms.values())
    figures["floor / whole step"] = sum(bottoms.values()) / found["whole step"]
    write_record("step_parts", vars(options) | figures)


_PRODUCT = 2048  # rows and columns
_COPIED = 40_000_000  # values


def machine():
    """What measures the rates of this machine."""
    import tensorflow as tf

    slots = tf.random.normal((148, 100, 1024)), tf.random.normal((148, 1024, 256))
    square = tf.random.normal((_PRODUCT, _PRODUCT))
    values = tf.random.normal((_COPIED,))
    target = tf.Variable(values)
    return {
        "product": tf.function(lambda: tf.matmul(square, square)),
        "slots": tf.function(lambda: tf.matmul(*slots)),
        "copy": tf.function(lambda: target.assign(values + 1.0)),
    }


def build(batch):
    """The parts of the network, and its whole step."""
    import tensorflow as tf

    from benchmarks.adam import update
    from benchmarks.batch_one import both_ways
    from benchmarks.capsnet_step import build, step_of
    from caps_hvd.config.model import CapsNetOptions

    model = build(CapsNetOptions(preset="paper"))
    convolution, primary, routing = model.encoder.layers
    images = tf.random.uniform((batch, 28, 28, 1))
    pixels = convolution(images)
    capsules = primary(pixels)
    chosen = model.mask(routing(capsules), tf.zeros((batch,), tf.int32))
    parts = {
        "first convolution": both_ways(convolution, images, convolution, for_inputs=False),
        "second convolution": both_ways(primary, pixels, primary),
        "routing": both_ways(routing, capsules, routing),
        "decoder": both_ways(model.decoder, chosen, model.decoder),
        "Adam": update(model.optimizer, model.trainable_variables),
    }
    return parts, step_of(model, batch)


if __name__ == "__main__":
    main()
