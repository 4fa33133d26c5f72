"""Images go through in batches, whatever cannot be read; no network is needed for that."""

import types

import numpy as np
import pytest

from caps_hvd.data.readers.picture import prepare
from caps_hvd.errors import DataError
from caps_hvd.inspection.classify import classified
from caps_hvd.inspection.image_sources import FoundImage

SHAPE = (2, 2, 1)


class Brightness:
    """Stands for a network: white or black, and draws what it sees a little darker."""

    class_names = ("black", "white")

    def __init__(self):
        self.batches = []

    def prepare(self, image):
        return prepare(image, SHAPE)

    def predict(self, images):
        self.batches.append(len(images))
        white = images.mean(axis=(1, 2, 3))
        scores = np.stack([1 - white, white], axis=1)
        order = np.argsort(-scores, axis=1)
        return types.SimpleNamespace(
            scores=scores,
            classes=order[:, 0],
            runners_up=order[:, 1],
            reconstructions=images / 2,
            distances=np.sqrt(np.mean(np.square(images / 2), axis=(1, 2, 3))),
        )


def white(number):
    return FoundImage(f"{number}.png", lambda: np.full(SHAPE, 255, np.uint8))


def broken(number):
    def read():
        raise DataError(f"{number}.png: expected a picture")

    return FoundImage(f"{number}.png", read)


def test_memory_stays_flat():
    """No image is read before its batch's turn, and none is kept after it: 100,000 of them."""
    read, batch_size, done = 0, 100, 0

    def images():
        nonlocal read
        for number in range(100_000):
            read += 1
            yield white(number)

    for batch in classified(Brightness(), images(), batch_size, pytest.fail):
        assert read - done == len(batch) == batch_size
        done += len(batch)
    assert done == read == 100_000


def test_what_cannot_be_read_is_told_and_the_rest_is_classified():
    refused = []
    network = Brightness()
    images = [broken(0), white(1), white(2), broken(3), white(4), broken(5)]
    found = list(
        classified(network, images, 2, lambda name, reason: refused.append((name, reason)))
    )
    assert [[each.prediction.image for each in batch] for batch in found] == [
        ["1.png", "2.png"],
        ["4.png"],
    ]
    assert network.batches == [2, 1]
    assert refused[0] == ("0.png", "0.png: expected a picture")
    assert [name for name, _ in refused] == ["0.png", "3.png", "5.png"]


def test_an_image_that_does_not_fit_is_told_too():
    deep = FoundImage("deep", lambda: np.zeros((2, 2, 9), np.uint8))
    refused = []
    assert list(classified(Brightness(), [deep], 2, lambda *each: refused.append(each))) == []
    assert refused[0][0] == "deep" and "received 9" in refused[0][1]


def test_what_is_said_of_an_image():
    ((each,),) = classified(Brightness(), [white(0)], 5, pytest.fail)
    assert each.prediction.class_name == "white" and each.prediction.score == 1.0
    assert each.prediction.runner_up == "black" and each.prediction.runner_up_score == 0.0
    assert each.prediction.distance == 0.5
    np.testing.assert_array_equal(each.image, np.ones(SHAPE))
    np.testing.assert_array_equal(each.reconstruction, np.full(SHAPE, 0.5))
