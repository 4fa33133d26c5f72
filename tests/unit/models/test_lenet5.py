import numpy as np
import pytest
from keras import ops

from caps_hvd import models
from caps_hvd.config.model import LeNet5Options
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError


@pytest.mark.parametrize(
    ("image_shape", "parameters"),
    [
        # 156 + 2,416 in the convolutions, 48,120 + 10,164 + 850 behind them
        ((28, 28, 1), 61_706),
        ((32, 32, 1), 61_706),
        ((32, 32, 3), 61_706 + 2 * 5 * 5 * 6),
        ((12, 12, 1), 61_706 - (400 - 16) * 120),  # one pixel of 16 maps is left, and not 5 x 5
    ],
)
def test_parameters_by_hand(image_shape, parameters):
    options = LeNet5Options(initialization="published")
    assert models.build(options, image_shape, 10).count_params() == parameters


def test_layers_of_the_paper():
    rows = {
        row.layer: row for row in models.summary(models.build(LeNet5Options(), (28, 28, 1), 10))
    }
    assert [rows[name].output_shape for name in ("c1", "s2", "c3", "s4", "c5", "f6", "logits")] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (120,), (84,), (10,),
    ]  # fmt: skip
    assert rows["c1"].forward_flops_per_image == 2 * 28 * 28 * 5 * 5 * 6
    assert rows["c3"].forward_flops_per_image == 2 * 10 * 10 * 5 * 5 * 6 * 16
    assert rows["s2"].forward_flops_per_image == 0


def test_scores_are_probabilities():
    model = models.build(LeNet5Options(), (12, 15, 2), 4)
    model.set_weights([weight * 10 for weight in model.get_weights()])
    images = np.random.default_rng(0).random((5, 12, 15, 2)).astype("float32")
    scores = ops.convert_to_numpy(model(images)["scores"])
    np.testing.assert_allclose(scores.sum(axis=-1), 1, rtol=1e-6)
    assert scores.min() >= 0


def test_score_loss_is_the_cross_entropy():
    model = models.build(LeNet5Options(), (12, 12, 1), 2)
    loss = model.score_loss.call(np.asarray([0, 1]), np.asarray([[0.5, 0.5], [0.75, 0.25]], "f4"))
    np.testing.assert_allclose(ops.convert_to_numpy(loss), [0.693147, 1.386294], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:You are using a softmax")  # rightly
def test_one_class():
    model = models.build(LeNet5Options(), (12, 12, 1), 1)
    scores = model(np.zeros((2, 12, 12, 1), "float32"))["scores"]
    np.testing.assert_allclose(ops.convert_to_numpy(scores), 1)
    assert model.score_loss.call(np.zeros(2, "int32"), scores).shape == (2,)


@pytest.mark.parametrize(
    ("image_shape", "classes", "message"),
    [
        ((8, 8, 1), 10, "at least 12 x 12 pixels; received 8 x 8"),
        ((28, 11, 1), 10, "at least 12 x 12 pixels; received 28 x 11"),
        ((28, 28, 1), 0, "classes: expected 1 or more; received 0"),
    ],
)
def test_what_leaves_nothing_is_refused(image_shape, classes, message):
    with pytest.raises(ConfigError, match=message):
        models.build(LeNet5Options(), image_shape, classes)


@pytest.mark.parametrize(
    ("option", "value"),
    [("weight_sharing", True), ("decoder", "small"), ("preset", "paper"), ("stop_gradient", True)],
)
def test_options_of_capsules_are_refused(option, value):
    message = f"^{option}: expected .* model lenet5 .* received {value!r}; remove it.*: capsnet"
    with pytest.raises(ConfigError, match=message):
        TrainConfig(model="lenet5", **{option: value}).model_options()


def test_options_of_capsules_at_their_defaults_change_nothing():
    options = TrainConfig(model="lenet5").model_options()
    assert models.build(options, (28, 28, 1), 10).decoder is None


def test_an_option_of_no_model_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="wieght_sharing"):
        models.build(LeNet5Options(wieght_sharing=True), (28, 28, 1), 10)
