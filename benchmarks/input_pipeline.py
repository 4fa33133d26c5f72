"""Images per second that the input pipeline makes on one core, and what it costs beside training.

Figures: `images_per_second_*` are those of `Batches` alone, in one thread.  `fit_*` train the small
CapsNet on 28 x 28 x 1, once from batches that were made before, once from batches that are made
beside the step with augmentation; `fit_cost` is the median ratio of the two times, 1 being free.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import harness

BATCH = 100
STEPS = 15


def random_split(samples, shape):
    from caps_hvd.data import ArraySplit

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (samples, *shape), dtype=np.uint8)
    return ArraySplit(images, random.integers(0, 10, samples))


def throughput(rounds):
    """Images per second of `Batches`: from memory and from HDF5, with and without augmentation."""
    from caps_hvd.data.augmentation import Augment
    from caps_hvd.data.batches import Batches
    from caps_hvd.data.readers import read_file
    from caps_hvd.data.readers.hdf5 import write_hdf5

    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for shape in ((28, 28, 1), (32, 32, 3)):
            memory = random_split(10_000, shape)
            path = Path(folder, f"{len(shape)}-{shape[-1]}.h5")
            write_hdf5(path, "random", (memory, memory.first(10)), map(str, range(10)))
            stored = read_file(path).train
            augment = Augment(flip=shape[-1] == 3)
            variants = {
                "memory": Batches(memory, BATCH, 0, 1, 0),
                "memory_augmented": Batches(memory, BATCH, 0, 1, 0, augment=augment),
                "hdf5": Batches(stored, BATCH, 0, 1, 0),
                "hdf5_augmented": Batches(stored, BATCH, 0, 1, 0, augment=augment),
            }
            seconds = harness.take_turns(
                {
                    name: lambda made=made: [made[i] for i in range(STEPS)]
                    for name, made in variants.items()
                },
                rounds,
            )
            for name, median in harness.medians(seconds).items():
                size = "x".join(map(str, shape))
                figures[f"images_per_second_{name}_{size}"] = STEPS * BATCH / median
    return figures


def beside_training(rounds):
    """What making augmented batches adds to a fit, against batches that lie ready."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from caps_hvd import models
    from caps_hvd.config.model import CapsNetOptions
    from caps_hvd.data.augmentation import Augment
    from caps_hvd.data.batches import Batches
    from caps_hvd.data.pipeline import Pipeline

    class Ready(Batches):
        def batch(self, epoch, step):
            if step not in kept:
                kept[step] = super().batch(epoch, step)
            return kept[step]

    kept = {}
    model = models.build(CapsNetOptions(preset="small"), (28, 28, 1), 10)
    model.compile("adam", **models.compile_arguments(model), jit_compile=False)
    split = random_split(STEPS * BATCH, (28, 28, 1))

    def fit(kind):
        pipeline = Pipeline(kind(split, BATCH, 0, 1, 0, augment=Augment()))
        return lambda: model.fit(pipeline.source(), callbacks=[pipeline], shuffle=False, verbose=0)

    seconds = harness.take_turns({"ready": fit(Ready), "made": fit(Batches)}, rounds)
    medians = harness.medians(seconds)
    return {
        "fit_images_per_second_ready": STEPS * BATCH / medians["ready"],
        "fit_images_per_second_made_beside": STEPS * BATCH / medians["made"],
        "fit_cost": harness.ratio(seconds, "made", "ready"),
    }


def main():
    rounds = harness.arguments(__doc__, rounds=(15, "timed epochs of each")).rounds
    harness.write_record("input_pipeline", throughput(rounds) | beside_training(rounds))


if __name__ == "__main__":
    main()
