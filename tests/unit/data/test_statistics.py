"""Mean and deviation of images, against NumPy's."""

import numpy as np
import pytest

from caps_hvd.data import ArraySplit, statistics


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_mean_and_deviation_of_each_channel(dtype, monkeypatch):
    monkeypatch.setattr(statistics, "_VALUES", 100)  # several blocks
    images = np.random.default_rng(0).integers(200, 256, (50, 4, 3, 2)).astype(dtype)
    mean, deviation = statistics.channel_statistics(ArraySplit(images, np.zeros(50)))
    np.testing.assert_allclose(mean, (images.astype(float) / 255).mean((0, 1, 2)), rtol=1e-12)
    # The difference of two numbers that are 10 to 100 times as large.
    np.testing.assert_allclose(deviation, (images.astype(float) / 255).std((0, 1, 2)), rtol=1e-9)


def test_of_a_large_split_some_images_are_looked_at(monkeypatch):
    monkeypatch.setattr(statistics, "_BYTES", 10 * 12)
    images = np.zeros((40, 4, 3, 1), np.uint8)
    images[::4] = 255
    mean, deviation = statistics.channel_statistics(ArraySplit(images, np.zeros(40)))
    assert (mean, deviation) == (1, 0)


def test_evenly_spread():
    assert statistics.evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert statistics.evenly(3, 100).tolist() == [0, 1, 2]
    assert len(statistics.evenly(60000, 100)) == 100
