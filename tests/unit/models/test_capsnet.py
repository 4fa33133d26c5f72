import numpy as np
import pytest
from keras import ops

from caps_hvd import models
from caps_hvd.config.model import CapsNetOptions
from caps_hvd.errors import ConfigError


def test_the_papers_network_has_the_papers_parameters():
    options = CapsNetOptions(preset="paper", initialization="published")
    model = models.build(options, (28, 28, 1), 10)
    # 20,992 + 5,308,672 + 1,474,560 in the encoder, 82,432 + 525,312 + 803,600 in the decoder
    assert model.count_params() == 8_215_568
    shapes = {row.layer: row.output_shape for row in models.summary(model)}
    assert shapes["convolution"] == (20, 20, 256)
    assert shapes["primary_capsules"] == (1152, 8)
    assert shapes["class_capsules"] == (10, 16)


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        # without 9 x 16 of the decoder's 160 inputs, 512 weights each
        ({"decoder": "small"}, 8_215_568 - 144 * 512),
        # 32 x 10 x 16 x 8 transformations instead of 1152 x 10 x 16 x 8
        ({"weight_sharing": True}, 8_215_568 - (1152 - 32) * 10 * 16 * 8),
        ({"weight_sharing": True, "decoder": "small"}, 6_708_240),
    ],
)
def test_what_sharing_and_the_small_decoder_save(options, parameters):
    options = CapsNetOptions(preset="paper", initialization="published", **options)
    assert models.build(options, (28, 28, 1), 10).count_params() == parameters


def test_the_slim_network_has_the_papers_geometry():
    options = CapsNetOptions(preset="slim", initialization="published")
    model = models.build(options, (28, 28, 1), 10)
    # 2,624 + 165,952 + 288 x 10 x 16 x 8 in the encoder, 20,608 + 33,024 + 201,488 in the decoder
    assert model.count_params() == 792_336
    shapes = {row.layer: row.output_shape for row in models.summary(model)}
    assert shapes["primary_capsules"] == (6 * 6 * 8, 8)


def test_sharing_equals_repeated_transformations():
    about = {"preset": "small", "decoder": "none", "initialization": "published"}
    shared, own = (
        models.build(CapsNetOptions(weight_sharing=on, **about), (10, 10, 1), 3)
        for on in (True, False)
    )
    *others, kernel = shared.get_weights()
    positions = own.get_weights()[-1].shape[-1] // kernel.shape[-1]
    own.set_weights([*others, np.tile(kernel, positions)])
    images = np.random.default_rng(0).random((4, 10, 10, 1)).astype("float32")
    one, other = (ops.convert_to_numpy(model(images)["scores"]) for model in (shared, own))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_flops_of_the_papers_network_by_hand():
    rows = {
        row.layer: row.forward_flops_per_image
        for row in models.summary(models.build(CapsNetOptions(preset="paper"), (28, 28, 1), 10))
    }
    assert rows["convolution"] == 2 * 20 * 20 * 9 * 9 * 256
    assert rows["primary_capsules"] == 2 * 6 * 6 * 9 * 9 * 256 * 256
    # three votes and two agreements of 1152 x 8 x 10 x 16 multiply-adds; twice 11,520 couplings
    # with 3 x 8 operations for the products and sums over d and 5 for the softmax
    assert rows["class_capsules"] == 5 * 2 * 1_474_560 + 2 * 11_520 * 29


@pytest.mark.parametrize(
    ("image_shape", "preset"),
    [((28, 28, 1), "paper"), ((32, 32, 3), "paper"), ((27, 28, 1), "small"), ((8, 8, 1), "small")],
)
def test_preset_auto_follows_the_image(image_shape, preset):
    model = models.build(CapsNetOptions(), image_shape, 3)
    assert model.preset == preset
    assert model.image_shape == image_shape
    assert model.classes == 3


def test_one_class_and_one_routing_iteration():
    model = models.build(CapsNetOptions(routing_iterations=1), (8, 8, 1), 1)
    assert model(np.zeros((2, 8, 8, 1), "float32"))["scores"].shape == (2, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "tiny"}, "auto, paper, slim, small; received 'tiny'"),
        ({"preset": "paper"}, "at least 17 x 17 pixels; received 8 x 8"),
        ({"routing_iterations": 0}, "routing_iterations: expected 1 or more; received 0"),
        ({"decoder": "tiny"}, "full, small, none; received 'tiny'"),
        ({"classes": 0}, "classes: expected 1 or more; received 0"),
    ],
)
def test_wrong_options_are_named(options, message):
    classes = options.pop("classes", 10)
    with pytest.raises(ConfigError, match=message):
        models.build(CapsNetOptions(**options), (8, 8, 1), classes)
