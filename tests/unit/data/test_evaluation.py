import numpy as np
import pytest

from caps_hvd.data.evaluation import evaluation_batches
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import ConfigError


def split(samples):
    images = np.zeros((samples, 2, 3, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(samples)
    return ArraySplit(images, np.arange(samples) % 10)


@pytest.mark.parametrize("samples", [1, 2, 10, 97])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_every_sample_counts_once_and_ranks_stay_together(samples, size, batch_size):
    ranks = [list(evaluation_batches(split(samples), batch_size, r, size)) for r in range(size)]
    shapes = [[batch.images.shape for batch in batches] for batches in ranks]
    assert all(rank == shapes[0] for rank in shapes)
    counted = []
    for batch in (batch for batches in ranks for batch in batches):
        assert batch.images.dtype == np.float32 and batch.images.max() <= 1
        assert set(batch.weights) <= {0.0, 1.0}
        real = batch.indices[batch.weights == 1]
        np.testing.assert_array_equal(batch.labels, batch.indices % 10)
        np.testing.assert_allclose(batch.images[:, 0, 0, 0] * 255, batch.indices, atol=1e-4)
        counted.extend(real)
    assert counted == list(range(samples))


def test_batch_size_zero():
    with pytest.raises(ConfigError, match="batch_size: expected at least 1"):
        evaluation_batches(split(3), 0, 0, 1)
