"""Cost of training CapsNet on one image at a time, part by part, against batches of 16 and 128.

    python -m benchmarks.batch_one
    python -m benchmarks.batch_one --presets slim --threads 1

Seconds are those of `fit` as training runs it, with its pipeline and its timer, on random images of
28 x 28 x 1, the batch sizes taking turns; tracing is in none of them.  The parts are timed one by
one, forward and backward, at batch 1: side by side in a step they take less than their sum, and
what the step takes beyond them are losses, metrics and the way in and out.
"""

import os
import statistics

from benchmarks.harness import arguments, compared, in_child, medians, take_turns, write_record

# Images of one timed epoch by batch size: enough steps, and not too long.
IMAGES = {1: 64, 16: 64, 128: 128}
SHOWN = {
    "seconds": "s per 1,000 images",
    "input_seconds": "waiting for input",
    "other_seconds": "between steps",
}


def main():
    options = arguments(
        __doc__,
        presets=(["paper", "slim"], "sizes of CapsNet"),
        threads=(sorted({1, len(os.sched_getaffinity(0))}), "of each process"),
        rounds=(3, "timed epochs of each batch size"),
    )
    figures = {"rounds": options.rounds}
    for preset in options.presets:
        for threads in options.threads:
            found = in_child(measure, preset, threads, options.rounds)
            where = f"{preset}, {threads} thread{'s' * (threads > 1)}"
            figures |= {f"{where}: {name}": value for name, value in found.items()}
    write_record("batch_one", figures)


def measure(preset, threads, rounds):
    """All figures of a preset, in this process."""
    from caps_hvd.distributed import comm, use_threads
    from caps_hvd.system.backend import start_keras

    start_keras()
    use_threads(comm.init(), threads)
    # "One thread" is one core: two operations must not run at once on two.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    model = build(preset)
    return epochs(model, rounds) | parts(model, 5 * rounds)


def build(preset):
    """The network as `caps-hvd train` compiles it."""
    from caps_hvd.config.train_config import TrainConfig
    from caps_hvd.distributed import comm, distribute
    from caps_hvd.models import compile_arguments
    from caps_hvd.training.build import build_model, build_optimizer

    config = TrainConfig(preset=preset)
    model = build_model(config, (28, 28, 1), 10)
    optimizer = distribute(build_optimizer(config), comm.init())
    arguments = compile_arguments(model, config.reconstruction_weight)
    model.compile(optimizer, **arguments, jit_compile=False, auto_scale_loss=False)
    optimizer.build(model.trainable_variables)
    return model


def epochs(model, rounds):
    """Seconds per 1,000 images, and what of them is not the step itself, by batch size."""
    from benchmarks.input_pipeline import random_split
    from caps_hvd.data.batches import Batches
    from caps_hvd.data.pipeline import Pipeline
    from caps_hvd.distributed import callbacks, comm

    split = random_split(max(IMAGES.values()), (28, 28, 1))
    timer = callbacks.EpochTimer(comm.init())
    seen = {batch: [] for batch in IMAGES}
    for number in range(-1, rounds):
        for batch, images in IMAGES.items():
            pipeline = Pipeline(Batches(split.first(images), batch, 0, 1, 0))
            watching = [pipeline, timer]
            model.fit(pipeline.source(), callbacks=watching, shuffle=False, verbose=0)
            if number >= 0:
                seen[batch].append(timer.epochs[0])
    figures = {}
    for batch, records in seen.items():
        for key, name in SHOWN.items():
            each = statistics.median(record[key] / record["images"] for record in records)
            figures[f"batch {batch}: {name}"] = 1000 * each
    whole = {batch: figures[f"batch {batch}: {SHOWN['seconds']}"] for batch in IMAGES}
    for batch in (16, 128):
        figures[f"batch 1 / batch {batch}"] = whole[1] / whole[batch]
    return figures


def parts(model, rounds):
    """Milliseconds of each part of a step on one image, and which of them is the longest."""
    import tensorflow as tf

    from benchmarks.adam import update

    image, label = tf.random.uniform((1, 28, 28, 1)), tf.constant([3])
    inputs = {"image": image, "label": label}
    targets = {"scores": label, "reconstruction": image}
    convolution, primary, routing = model.encoder.layers
    pixels = convolution(image)
    capsules = primary(pixels)
    chosen = model.mask(routing(capsules), label)

    def whole_model(image):
        return model({"image": image, "label": label}, training=True)

    def loss(image):
        return model.compute_loss(inputs, targets, whole_model(image))

    layers = {
        "first convolution": both_ways(convolution, image, convolution),
        "primary capsules": both_ways(primary, pixels, primary),
        "routing": both_ways(routing, capsules, routing),
        "decoder": both_ways(model.decoder, chosen, model.decoder),
        "Adam": update(model.optimizer, model.trainable_variables),
    }
    wholes = {
        "call of an empty function": compiled(tf.identity, label),
        "forward": compiled(whole_model, image),
        "forward and backward": both_ways(loss, image, model),
    }
    seconds = take_turns(layers | wholes, rounds, warm_up=5)
    figures = {f"batch 1: {name}": ms for name, ms in compared(seconds, unit="ms").items()}
    return figures | {"batch 1: longest part": max(layers, key=medians(seconds).get)}


def both_ways(function, inputs, owner, for_inputs=True):
    """Returns a callable: `function` forward, and gradients for its inputs and weights."""
    import tensorflow as tf

    variables = [variable.value for variable in owner.trainable_variables]

    def run(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.reduce_sum(function(inputs))
        return tape.gradient(outputs, [inputs] * for_inputs + variables)

    return compiled(run, inputs)


def compiled(function, inputs):
    """`function` on `inputs`, traced as training traces it: the batch is not known."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype)]
    traced = tf.function(function, input_signature=signature, autograph=False)
    return lambda: traced(inputs)


if __name__ == "__main__":
    main()
