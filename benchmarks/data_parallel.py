"""Images per second of a training step: two ranks on one core each, against one rank on one core.

    python -m benchmarks.data_parallel
    python -m benchmarks.data_parallel --launcher "horovodrun --gloo" --preset small --steps 20

Starts itself with each number of ranks in turn, several times over.  Every rank binds itself,
Horovod's thread included, to one core.
"""

import json
import os
import statistics
import sys

from benchmarks.harness import arguments, on_ranks, take_turns_on_ranks, write_record


def main():
    options = arguments(
        __doc__,
        launcher=("mpirun --bind-to none", "without -np"),
        ranks=(2, "compared with one"),
        turns=(3, "starts of each"),
        preset=("paper", "size of CapsNet"),
        batch_size=(100, "per rank"),
        steps=(8, "timed steps of each start"),
        compression=("auto", "of gradients"),
        group_mib=(4.0, "size of groups of gradients"),
        precision=("float32", "of the model"),
        worker=(False, "measure, as one of the ranks"),
    )
    if options.worker:
        from caps_hvd.distributed import run_guarded

        return run_guarded(lambda: work(options))
    command = ("benchmarks.data_parallel", "--worker", *sys.argv[1:])
    pairs = [
        [on_ranks(options.launcher, ranks, *command) for ranks in (1, options.ranks)]
        for _ in range(options.turns)
    ]
    figures = {"launcher": options.launcher, "batch per rank": options.batch_size}
    figures |= {"preset": options.preset, "precision": options.precision}
    for which, ranks in enumerate((1, options.ranks)):
        for name in pairs[0][which]:
            median = statistics.median(pair[which][name] for pair in pairs)
            figures[f"{ranks} ranks on one core each: {name}"] = median
    figures["times the images per second"] = statistics.median(
        both["images_per_second"] / alone["images_per_second"] for alone, both in pairs
    )
    write_record("data_parallel", figures)


def work(options):
    """On each rank: the step with reduction and, on several ranks, without, taking turns."""
    from caps_hvd.distributed import comm, import_tensorflow_quietly

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[comm.launched_rank() % len(cores)]})
    import_tensorflow_quietly()
    import keras
    import numpy as np

    from caps_hvd import models
    from caps_hvd.distributed import distribute, use_threads
    from caps_hvd.distributed.traffic import no_sync

    ranks = comm.init()
    use_threads(ranks, 1)
    models.set_precision(options.precision)
    model = models.build("capsnet", image_shape=(28, 28, 1), classes=10, preset=options.preset)
    optimizer = distribute(
        keras.optimizers.Adam(),
        ranks,
        compression=options.compression,
        group_mib=options.group_mib,
    )
    model.compile(
        optimizer, **models.compile_arguments(model), jit_compile=False, auto_scale_loss=False
    )
    generator = np.random.default_rng(ranks.rank)
    images = generator.random((options.batch_size, 28, 28, 1), np.float32)
    labels = generator.integers(0, 10, options.batch_size).astype(np.int32)
    weights = np.ones(options.batch_size, np.float32)
    batch = (
        {"image": images, "label": labels},
        {"scores": labels, "reconstruction": images},
        {"scores": weights, "reconstruction": weights},
    )
    forms = {"step": train_function(model, batch)}
    if ranks.size > 1:
        with no_sync():
            forms["step_without_reduction"] = train_function(model, batch)
    found = take_turns_on_ranks(ranks, forms, options.steps)
    if ranks.rank == 0:
        result = {"images_per_second": ranks.size * options.batch_size / found["step"][0]}
        for name, (seconds, busy) in found.items():
            result |= {f"{name}_seconds": seconds, f"{name}_cpu_seconds": busy}
        print(json.dumps(result), flush=True)


def train_function(model, batch):
    """The training step on one held batch, traced now."""
    import tensorflow as tf

    model.make_train_function(force=True)
    function = model.train_function
    data = tf.nest.map_structure(tf.constant, batch)

    def step():
        return float(function([data])["loss"])

    step()
    return step


if __name__ == "__main__":
    sys.exit(main())
