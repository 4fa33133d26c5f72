import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd.models import losses


@pytest.mark.parametrize(
    ("label", "lengths", "expected"),
    [
        (0, [0.9, 0.1, 0.1], 0.0),
        (0, [1.0, 0.0, 0.1], 0.0),
        (0, [0.5, 0.1, 0.1], 0.16),  # 0.4^2
        (1, [0.6, 0.9, 0.1], 0.125),  # 0.5 x 0.5^2
        (2, [0.0, 0.3, 0.0], 0.83),  # 0.9^2 + 0.5 x 0.2^2
    ],
)
def test_margin_loss_by_hand(label, lengths, expected):
    loss = losses.margin_loss(np.asarray([label]), np.asarray([lengths], "float32"))
    assert float(loss[0]) == pytest.approx(expected, abs=1e-6)


def test_margins_and_down_weight_can_be_set():
    loss = losses.MarginLoss(positive=0.8, negative=0.2, down_weight=0.25)
    # (0.8 - 0.5)^2 + 0.25 (0.6 - 0.2)^2
    value = loss(np.asarray([1]), np.asarray([[0.6, 0.5]], "float32"))
    assert float(value) == pytest.approx(0.13)


def test_reconstruction_loss_by_hand():
    images = np.zeros((2, 2, 2, 1), "float32")
    reconstructions = images.copy()
    reconstructions[1, 0] = [[1.0], [0.5]]
    loss = ops.convert_to_numpy(losses.reconstruction_loss(images, reconstructions))
    np.testing.assert_allclose(loss, [0.0, 1.25 / 4])


def test_a_weight_of_zero_takes_an_image_out():
    loss = losses.MarginLoss()
    lengths = np.asarray([[0.5, 0.1], [0.0, 1.0]], "float32")
    value = loss(np.asarray([0, 0]), lengths, sample_weight=np.asarray([2.0, 0.0]))
    assert float(value) == pytest.approx(0.16)


def test_half_precision_is_computed_in_float32():
    lengths = ops.cast(np.asarray([[0.5, 0.1]]), "bfloat16")
    assert ops.dtype(losses.margin_loss(np.asarray([0]), lengths)) == "float32"


@pytest.mark.parametrize("loss", [losses.MarginLoss(0.8, 0.2, 0.25), losses.ReconstructionLoss()])
def test_configuration_makes_the_same_loss_again(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
