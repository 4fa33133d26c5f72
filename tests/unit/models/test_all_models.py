"""One harness that every registered model passes."""

import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd import models
from caps_hvd.config.model import MODELS
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.models.initialization import initialize
from caps_hvd.training.build import parameter_count

IMAGE, CLASSES = (12, 13, 2), 4
OPTIONS = {
    "capsnet": {"preset": "small"},
    "alexcapsnet": {},
    "rescapsnet": {},
    "efficient_capsnet": {},
    "lenet5": {},
    "mlcn": {"lane_list": ("mlcn2, width 1", "mlcn2, width 4, depth 2")},
}
DRAWING = [name for name, options in MODELS.items() if hasattr(options, "decoder")]


def batch(size=3):
    rng = np.random.default_rng(0)
    image = rng.random((size, *IMAGE)).astype("float32")
    label = np.arange(size, dtype="int32") % CLASSES
    return {"image": image, "label": label}, {"scores": label, "reconstruction": image}


def of_models(names):
    return pytest.mark.parametrize("build", names, indirect=True)


@pytest.fixture(params=list(MODELS))
def build(request):
    assert request.param in OPTIONS, "a new model needs its options for this harness"

    def build(**more):
        options = TrainConfig(model=request.param, **OPTIONS[request.param], **more)
        return models.build(options.model_options(), IMAGE, CLASSES)

    yield build
    models.set_precision("float32")


def test_shapes(build):
    inputs, _ = batch()
    model = build()
    expected = {"scores": (3, CLASSES)}
    if model.decoder is not None:
        expected["reconstruction"] = (3, *IMAGE)
    for given in (inputs, inputs["image"]):
        outputs = model(given)
        assert {key: tuple(value.shape) for key, value in outputs.items()} == expected
        assert model.compute_output_shape({"image": (3, *IMAGE)}) == expected
    assert (model.image_shape, model.classes) == (IMAGE, CLASSES)


def test_no_attribute_of_a_class_hides_a_layer(build):
    """PyTorch keeps layers apart from other attributes, and finds those of the class first."""
    for layer in build()._flatten_layers():
        hidden = [name for name, value in vars(layer).items() if isinstance(value, keras.Layer)]
        hidden += vars(layer).get("_modules", {})
        assert not [name for name in hidden if name in dir(type(layer))], layer.name


@of_models(DRAWING)
def test_without_a_decoder_there_are_scores_only(build):
    inputs, _ = batch()
    assert set(build(decoder="none")(inputs)) == {"scores"}


@of_models(DRAWING)
def test_the_small_decoder_sees_one_capsule(build):
    small, full = build(decoder="small"), build(decoder="full")
    inputs, _ = batch()
    assert tuple(small(inputs)["reconstruction"].shape) == (3, *IMAGE)
    assert CLASSES * small.decoder.input_shape[-1] == full.decoder.input_shape[-1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_precisions(build, precision):
    models.set_precision(precision)
    model = build()
    inputs, _ = batch()
    assert all(ops.dtype(value) == "float32" for value in model(inputs).values())
    assert all(weight.dtype == "float32" for weight in model.weights)
    # Standardised images have as many digits as the images of a step may need.
    layers = [layer for layer in model.encoder.layers if layer.name != "standardization"]
    computed = {layer.compute_dtype for layer in layers if layer.weights}
    assert computed == {precision}


def test_trains(build):
    keras.utils.set_random_seed(0)
    model = build()
    inputs, targets = batch(8)
    images = inputs["image"]
    initialize(model, images.mean((0, 1, 2)), images.std((0, 1, 2)), images)
    if model.decoder is None:
        del targets["reconstruction"]
    model.compile(
        keras.optimizers.Adam(0.003), **models.compile_arguments(model), jit_compile=False
    )
    history = model.fit(inputs, targets, batch_size=4, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    if model.decoder is not None:
        assert {"scores_accuracy", "scores_loss", "reconstruction_loss"} <= set(history)


def test_saved_and_loaded(build, tmp_path):
    model = build()
    inputs, _ = batch()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.preset == model.preset
    expected, again = model(inputs), loaded(inputs)
    for key in expected:
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (again[key], expected[key])))


def test_weights_saved_and_loaded_by_name(build, tmp_path):
    model, other = build(), build()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@of_models(DRAWING)
@pytest.mark.parametrize("decoder", ["full", "small"])
def test_reconstruction_follows_the_label_only_in_training(build, decoder):
    model = build(decoder=decoder)
    inputs, _ = batch()
    for training in (False, True):
        # Batch normalization gives other capsules in training.
        capsules = model.encoder(inputs["image"], training=training)
        longest = ops.convert_to_numpy(model.decode(capsules))
        labelled = ops.convert_to_numpy(model.decode(capsules, inputs["label"]))
        assert not np.allclose(longest, labelled)
        outputs = ops.convert_to_numpy(model(inputs, training=training)["reconstruction"])
        np.testing.assert_allclose(outputs, labelled if training else longest, atol=1e-6)


def test_summary_counts_every_parameter(build):
    model = build()
    rows = models.summary(model)
    assert sum(row.parameters for row in rows) == parameter_count(model.trainable_weights)
    assert all(row.activation_bytes_per_image > 0 for row in rows)


def test_unknown_model_lists_the_known_ones():
    with pytest.raises(ConfigError, match=rf"{', '.join(MODELS)} or .*, received 'capsnett'"):
        TrainConfig(model="capsnett")


def test_unknown_precision_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"bfloat16, float16.*received 'half'"):
        models.set_precision("half")


def test_accuracy_counts_an_image_once_whatever_its_weight():
    metric = models.classifier.SampleAccuracy()
    scores = np.asarray([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], "float32")
    metric.update_state(np.asarray([0, 1, 1]), scores, np.asarray([1.5, 1.5, 0.0]))
    assert float(metric.result()) == 0.5
