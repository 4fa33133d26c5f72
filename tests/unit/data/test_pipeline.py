"""What `fit` is given are the batches, whatever way they take to TensorFlow."""

import keras
import numpy as np
import pytest

from caps_hvd.data import ArraySplit
from caps_hvd.data.batches import Batches
from caps_hvd.data.pipeline import Pipeline

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends take the batches themselves"
)

SAMPLES = 203


def batches(batch_size):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (SAMPLES, 4, 4, 1), dtype=np.uint8)
    return Batches(ArraySplit(images, random.integers(0, 10, SAMPLES)), batch_size, 0, 1, seed=0)


@pytest.mark.parametrize("batch_size", [1, 16, 30, 64, 100, 203])
def test_every_step_has_its_batch(batch_size):
    made = batches(batch_size)
    pipeline = Pipeline(made)
    for epoch in (0, 1):
        pipeline.on_epoch_begin(epoch)
        seen = list(pipeline.source(epoch))
        assert len(seen) == len(made) == -(-SAMPLES // batch_size)
        for step, items in enumerate(seen):
            keras.tree.map_structure(np.testing.assert_array_equal, items, made.batch(epoch, step))


def test_the_batch_is_unknown_in_what_is_traced():
    for tensor in keras.tree.flatten(Pipeline(batches(1)).source().element_spec):
        assert tensor.shape[0] is None


def test_an_error_in_a_batch_comes_out_as_itself():
    class Damaged(Batches):
        def batch(self, epoch, step):
            if step == 9:
                raise OSError("chunk 9 cannot be read")
            return super().batch(epoch, step)

    made = batches(16)
    pipeline = Pipeline(Damaged(made.split, 16, 0, 1, seed=0))
    with pytest.raises(OSError, match="chunk 9 cannot be read"), pipeline.errors():
        list(pipeline.source())
