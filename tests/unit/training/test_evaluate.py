"""Exact evaluation of models with and without a decoder, whatever they are scored with."""

import dataclasses
import math

import keras
import numpy as np
import pytest

from caps_hvd import models
from caps_hvd.config.model import CapsNetOptions, LeNet5Options
from caps_hvd.data.split import ArraySplit
from caps_hvd.distributed import comm
from caps_hvd.training.evaluate import evaluate

SHAPE, CLASSES = (12, 12, 1), 3


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    labels = np.asarray([0, 1, 2, 1, 0, 2, 2])
    return ArraySplit(rng.integers(0, 256, (len(labels), *SHAPE), np.uint8), labels)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_the_cross_entropy_of_probabilities_by_hand(split, batch_size):
    model = models.build(LeNet5Options(), SHAPE, CLASSES)
    logits = model.encoder.layers[-1]
    logits.set_weights([np.zeros((84, CLASSES)), np.log([0.5, 0.25, 0.25])])
    found = evaluate(model, split, batch_size, comm.init())
    # 2 images of class 0 with probability 1/2, and 5 of the others with 1/4
    assert found.score_loss == pytest.approx((2 * math.log(2) + 5 * math.log(4)) / 7, rel=1e-6)
    assert (found.loss, found.reconstruction_loss) == (found.score_loss, None)
    np.testing.assert_array_equal(found.confusion, [[2, 0, 0], [2, 0, 0], [3, 0, 0]])
    np.testing.assert_allclose(found.scores.means, [0.5, 0.25, 0.25], rtol=1e-6)
    assert found.scores.spread < 1e-6 and not found.scores.lengths


def test_the_loss_of_capsules_is_that_of_keras(split):
    keras.utils.set_random_seed(0)
    model = models.build(CapsNetOptions(preset="small"), SHAPE, CLASSES)
    model.compile(**models.compile_arguments(model))
    images, labels = split.take(np.arange(len(split)))
    images = images.astype("float32") / 255
    expected = model.evaluate(
        images, {"scores": labels, "reconstruction": images}, verbose=0, return_dict=True
    )
    evaluation = evaluate(model, split, 3, comm.init())
    scores = keras.ops.convert_to_numpy(model(images)["scores"])
    np.testing.assert_allclose(evaluation.scores.means, scores.mean(0), rtol=1e-5)
    np.testing.assert_allclose(evaluation.scores.deviations, scores.std(0), atol=1e-6)
    assert evaluation.scores.lengths
    found = dataclasses.asdict(evaluation)
    for mine, theirs in (("loss", "loss"), ("score_loss", "scores_loss"),
                         ("reconstruction_loss", "reconstruction_loss")):  # fmt: skip
        assert found[mine] == pytest.approx(expected[theirs], rel=1e-5)
