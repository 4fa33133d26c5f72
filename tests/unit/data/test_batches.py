import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from caps_hvd.data.augmentation import Augment
from caps_hvd.data.batches import Batches
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import ConfigError


def numbered(samples):
    """Images whose first pixel is their number."""
    images = np.random.default_rng(0).integers(0, 256, (samples, 6, 6, 1), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(samples)
    return ArraySplit(images, np.arange(samples) % 10)


def test_item():
    inputs, targets, weights = Batches(numbered(10), 4, 0, 1, 0)[0]
    assert inputs["image"].shape == (4, 6, 6, 1) and inputs["image"].dtype == np.float32
    assert inputs["image"].min() >= 0 and inputs["image"].max() <= 1
    assert inputs["label"].dtype == targets["scores"].dtype == np.int32
    np.testing.assert_array_equal(inputs["label"], targets["scores"])
    np.testing.assert_array_equal(inputs["image"], targets["reconstruction"])
    np.testing.assert_array_equal(weights, np.ones(4, np.float32))


def test_item_without_reconstruction():
    _, targets, _ = Batches(numbered(10), 4, 0, 1, 0, reconstruct=False)[0]
    assert set(targets) == {"scores"}


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_sample_once_with_its_label(size, batch_size):
    split = numbered(97)
    ranks = [Batches(split, batch_size * size, rank, size, seed=5) for rank in range(size)]
    used = []
    for step in range(len(ranks[0])):
        for batches in ranks:
            inputs, _, weights = batches.batch(2, step)
            numbers = np.rint(inputs["image"][:, 0, 0, 0] * 255).astype(int)
            np.testing.assert_array_equal(inputs["label"], numbers % 10)
            used.extend(numbers[weights > 0])
    assert sorted(used) == list(range(97)) and used != sorted(used)


def test_not_shuffled():
    batches = Batches(numbered(10), 6, 1, 2, 0, shuffle=False)
    assert [batches.indices(7, step)[0].tolist() for step in range(2)] == [[3, 4, 5], [8, 9]]


def test_a_rank_without_samples_gets_one_of_weight_zero():
    # 10 samples, 4 ranks of 2: two samples are left for the second step.
    parts = [Batches(numbered(10), 8, rank, 4, 0, shuffle=False).indices(0, 1) for rank in range(4)]
    assert [weights.tolist() for _, weights in parts] == [[2.0], [2.0], [0.0], [0.0]]
    assert [indices.tolist() for indices, _ in parts] == [[8], [9], [9], [9]]


def test_augmentation_does_not_depend_on_ranks_or_batch_size():
    split, augment = numbered(12), Augment()

    def by_sample(size, batch_size, epoch):
        images = {}
        for rank in range(size):
            batches = Batches(split, batch_size * size, rank, size, seed=1, augment=augment)
            for step in range(len(batches)):
                made = batches.batch(epoch, step)[0]["image"]
                indices, _ = batches.indices(epoch, step)
                images |= {int(index): image for index, image in zip(indices, made, strict=True)}
        return np.stack([images[index] for index in range(12)])

    once = by_sample(1, 12, epoch=0)
    np.testing.assert_array_equal(by_sample(3, 2, epoch=0), once)
    assert np.any(by_sample(1, 12, epoch=1) != once)
    assert once.min() >= 0 and once.max() <= 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((0, 0, 1), "batch_size: expected at least 1"),
        ((44, 0, 11), "11 ranks for 10 samples"),
        ((8, 2, 2), "rank: expected 0 to 1"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ConfigError, match=words):
        Batches(numbered(10), *arguments, seed=0)


def recording_model():
    """A Keras model that notes, in the order of training, which samples and weights it saw."""
    import keras
    import tensorflow as tf

    class Recorder(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(10)
            self.seen, self.traces = [], 0

        def call(self, inputs):
            return {"scores": self.dense(keras.ops.reshape(inputs["image"], (-1, 36)))}

        def train_step(self, data):
            self.traces += 1
            inputs, _, weights = data
            tf.py_function(self.note, [inputs["image"][:, 0, 0, 0], weights], [])
            return super().train_step(data)

        def note(self, numbers, weights):
            numbers = np.rint(numbers.numpy() * 255).astype(int).tolist()
            self.seen.append((numbers, weights.numpy().tolist()))

    model = Recorder()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss={"scores": loss}, jit_compile=False)
    return model


@pytest.mark.parametrize("samples, start_epoch", [(10, 0), (10, 4), (3, 0), (7, 2)])
def test_fit_trains_on_each_epochs_own_permutation(samples, start_epoch):
    pytest.importorskip("tensorflow")
    model = recording_model()
    batches = Batches(
        numbered(samples), 3, 0, 1, seed=9, start_epoch=start_epoch, reconstruct=False
    )
    random.seed(0)  # of Keras's shuffle of the steps, which must not matter
    model.fit(batches, initial_epoch=start_epoch, epochs=start_epoch + 3, verbose=0)
    expected = []
    for epoch in range(start_epoch, start_epoch + 3):
        for step in range(len(batches)):
            indices, weights = batches.indices(epoch, step)
            expected.append((indices.tolist(), weights.tolist()))
    assert model.seen == expected
    assert batches.epoch == start_epoch + 3
    # The short last step takes no trace of its own.
    assert model.traces == traces_of_full_steps()


def traces_of_full_steps():
    model = recording_model()
    model.fit(Batches(numbered(6), 3, 0, 1, 0, reconstruct=False), epochs=2, verbose=0)
    return model.traces


def test_fit_goes_on_where_it_ended():
    pytest.importorskip("tensorflow")
    model = recording_model()
    batches = Batches(numbered(10), 4, 0, 1, seed=2, reconstruct=False)
    for _ in range(2):
        model.fit(batches, epochs=1, verbose=0)
    expected = [batches.indices(epoch, step)[0].tolist() for epoch in range(2) for step in range(3)]
    assert [numbers for numbers, _ in model.seen] == expected


def test_fit_under_jax():
    pytest.importorskip("jax")
    script = """
import numpy as np, keras
from caps_hvd.data.batches import Batches
from caps_hvd.data.split import ArraySplit

made = []
class Recording(Batches):
    def batch(self, epoch, step):
        made.append((epoch, step))
        return super().batch(epoch, step)

model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = model
    def call(self, inputs):
        return {"scores": self.inner(inputs["image"])}

model = Model()
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("sgd", loss={"scores": loss})
split = ArraySplit(np.zeros((10, 4, 4, 1), np.uint8), np.arange(10))
model.fit(Recording(split, 4, 0, 1, 0, reconstruct=False), epochs=2, verbose=0)
print(made[-6:])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]"
