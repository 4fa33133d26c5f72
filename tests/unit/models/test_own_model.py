"""A model of one's own: what its function may return, and what is said where it does not."""

import keras
import numpy as np
import pytest

from caps_hvd import models
from caps_hvd.config.model import OwnModelOptions
from caps_hvd.errors import ConfigError
from caps_hvd.models.keras_classifier import OneAgainstRest
from caps_hvd.training.build import parameter_count

IMAGE, CLASSES = (6, 5, 2), 3
HEAD = "import keras\nfrom keras import layers, ops\ndef build(image_shape, classes):\n"
START = "keras.Input(image_shape), layers.Flatten()"


def build(tmp_path, body, function="build"):
    path = tmp_path / "net.py"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in body.split("\n")))
    return models.build(OwnModelOptions(model=f"{path}:{function}"), IMAGE, CLASSES)


@pytest.mark.parametrize(
    ("last", "outputs", "loss"),
    [
        ("layers.Dense(classes)", "logits", keras.losses.SparseCategoricalCrossentropy),
        (
            "layers.Dense(classes, activation='softmax')",
            "softmax",
            keras.losses.SparseCategoricalCrossentropy,
        ),
        (
            "layers.Dense(classes), layers.Softmax()",
            "softmax",
            keras.losses.SparseCategoricalCrossentropy,
        ),
        ("layers.Dense(classes, activation='sigmoid')", "sigmoid", OneAgainstRest),
        (
            "keras.Sequential([layers.Dense(classes), layers.Activation('sigmoid')])",
            "sigmoid",
            OneAgainstRest,
        ),
    ],
)
def test_the_last_layer_decides_what_the_outputs_are(tmp_path, last, outputs, loss):
    model = build(tmp_path, f"return keras.Sequential([{START}, {last}])")
    assert (model.outputs_are, model.preset, model.decoder) == (outputs, "own", None)
    assert type(model.score_loss) is loss
    assert (model.image_shape, model.classes) == (IMAGE, CLASSES)
    scores = keras.ops.convert_to_numpy(model(np.ones((4, *IMAGE), "float32"))["scores"])
    assert scores.shape == (4, CLASSES) and scores.min() >= 0 and scores.max() <= 1
    if outputs != "sigmoid":
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


def test_an_operation_at_the_end_is_seen(tmp_path):
    body = (
        "images = keras.Input(image_shape)\n"
        "logits = layers.Dense(classes)(layers.Flatten()(images))\n"
        "return keras.Model(images, ops.softmax(logits))"
    )
    assert build(tmp_path, body).outputs_are == "softmax"


def test_a_subclass_of_model(tmp_path):
    body = (
        "class Net(keras.Model):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.last = layers.Dense(classes, activation='softmax')\n"
        "    def call(self, images):\n"
        "        return self.last(ops.reshape(images, (-1, 60)))\n"
        "return Net()"
    )
    model = build(tmp_path, body)
    assert (model.image_shape, model.classes, model.outputs_are) == (IMAGE, CLASSES, "softmax")


def test_a_classifier_is_taken_as_it_is(tmp_path):
    body = (
        "from caps_hvd.layers import RoutedCapsules\n"
        "from caps_hvd.models import CapsuleClassifier\n"
        "return CapsuleClassifier(keras.Sequential([keras.Input(image_shape),"
        " layers.Reshape((-1, 4)), RoutedCapsules(classes, 4)]))"
    )
    model = build(tmp_path, body)
    assert type(model) is models.CapsuleClassifier and model.preset == "own"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return None", ["to return a Keras model", "received NoneType"]),
        ("classes.none", ["raised AttributeError in line 4", "build((6, 5, 2), 3)"]),
        ("return (", ["raised SyntaxError in line 4"]),
        (
            f"return keras.Sequential([{START}, layers.Dense(7)])",
            ["from images of 6 x 5 x 2 to 3 classes", "(None, 7)"],
        ),
        (
            "return keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3)])",
            ["6 x 5 x 2"],
        ),
        (
            f"return keras.Sequential([{START}, layers.Dense(3, activation='relu')])",
            ["softmax or sigmoid", "(relu)", "KerasClassifier"],
        ),
        (
            "images = keras.Input(image_shape)\nreturn keras.Model(images, [images, images])",
            ["one output", "2 outputs"],
        ),
    ],
)
def test_what_is_no_model_of_these_images_and_classes(tmp_path, body, words):
    with pytest.raises(ConfigError) as error:
        build(tmp_path, body)
    for word in ["net.py", *words]:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_function_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"a function bild in .*net.py.* build; correct --model"):
        build(tmp_path, "return None", "bild")


@pytest.mark.parametrize("outputs", ["logits", "softmax", "sigmoid"])
def test_saved_and_loaded(tmp_path, outputs):
    encoder = keras.Sequential(
        [keras.Input(IMAGE), keras.layers.Flatten(), keras.layers.Dense(CLASSES, "sigmoid")]
    )
    model = models.KerasClassifier(encoder, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).random((2, *IMAGE)).astype("float32")
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(each(images)["scores"]) for each in (model, loaded))
    )
    assert type(loaded.score_loss) is type(model.score_loss)


def test_outputs_of_no_known_kind():
    with pytest.raises(ConfigError, match="logits, softmax, sigmoid; received 'probabilities'"):
        models.KerasClassifier(None, "probabilities")


def test_one_against_rest_is_the_sum_of_binary_cross_entropies():
    scores = np.asarray([[0.5, 0.25, 0.9]], "float32")
    loss = keras.ops.convert_to_numpy(OneAgainstRest().call(np.asarray([1]), scores))
    expected = -np.log(0.5) - np.log(0.25) - np.log(1 - 0.9)
    np.testing.assert_allclose(loss, [expected], rtol=1e-5)


def test_the_summary_says_what_it_does_not_know(tmp_path):
    body = (
        "inside = keras.Sequential([keras.Input((6, 5, 4)), layers.DepthwiseConv2D(3)])\n"
        "return keras.Sequential([keras.Input(image_shape), layers.Conv2D(4, 1),"
        " layers.BatchNormalization(), inside, layers.Flatten(), layers.Dense(classes)])"
    )
    model = build(tmp_path, body)
    rows = models.summary(model)
    flops = [row.forward_flops_per_image for row in rows]
    assert flops == [2 * 30 * 8, 0, None, 0, 2 * 4 * 3 * 4 * 3]
    assert sum(row.parameters for row in rows) == parameter_count(model.trainable_weights)
