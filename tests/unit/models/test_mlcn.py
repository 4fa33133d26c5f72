"""Multi-lane capsule networks: counts and values by hand, dropped lanes, lanes built apart."""

import keras
import numpy as np
import pytest
from keras import ops

from caps_hvd import models
from caps_hvd.config.model import CapsNetOptions, MlcnOptions
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.lanes.lane import Lane, from_texts
from caps_hvd.models.lane_capsule import LaneCapsule
from caps_hvd.report.published.mlcn import TABLE

# At 28x28x1 and 32x32x3, as counted by hand in tests/unit/lanes/test_cost.py.
COUNTED = (11_749_120, 5_964_800, 9_640_448, 8_215_568, 2_371_856, 5_499_152)
IMAGE, CLASSES = (14, 15, 1), 3
LANES = ("mlcn1, width 1", "mlcn2, width 1", "mlcn1, width 2")


def build(lane_list=LANES, image_shape=IMAGE, lane_ids=None, exchange=None, seed=None, **more):
    lanes = None if lane_list is None else from_texts(lane_list)
    options = MlcnOptions(lane_list=lanes, **more)
    arguments = {"lane_ids": lane_ids, "exchange": exchange, "seed": seed}
    return models.build(options, image_shape, CLASSES, **arguments)


def images(size=2, seed=0):
    return np.random.default_rng(seed).random((size, *IMAGE)).astype("float32")


def arrays(*tensors):
    return [np.asarray(ops.convert_to_numpy(tensor)) for tensor in tensors]


def by_path(weights):
    return {weight.path: ops.convert_to_numpy(weight) for weight in weights}


@pytest.mark.parametrize(
    ("row", "parameters"), list(zip(TABLE, COUNTED, strict=True)), ids=lambda value: str(value)[:0]
)
def test_parameters_of_the_published_models(row, parameters):
    shape = {"cifar10": (32, 32, 3), "fashion_mnist": (28, 28, 1)}[row.dataset]
    if row.lanes:
        options = {"lanes": row.lanes, "lane_type": row.type, "lane_width": row.width}
        model = models.build(MlcnOptions(initialization="published", **options), shape, 10)
        assert all(layer.cost().parameters == layer.count_params()
                   for layer in model.encoder.layers if isinstance(layer, LaneCapsule))  # fmt: skip
    else:
        options = CapsNetOptions(preset="paper", initialization="published")
        model = models.build(options, shape, 10)
    assert model.count_params() == parameters == row.counted_parameters()


def test_weights_of_a_lane_by_hand():
    lane = {"lane_type": "mlcn1", "lane_width": 1, "lane_depth": 2}
    options = MlcnOptions(lanes=1, decoder="none", initialization="published", **lane)
    model = models.build(options, (28, 28, 1), 10)
    assert {path: array.shape for path, array in by_path(model.weights).items()} == {
        "lane_0/level_1_convolution_1/kernel": (9, 9, 1, 16),
        "lane_0/level_1_convolution_1/bias": (16,),
        "lane_0/level_1_capsules/convolution/kernel": (6, 6, 16, 32),
        "lane_0/level_1_capsules/convolution/bias": (32,),
        "lane_0/level_2_convolution_1/kernel": (9, 9, 1, 16),
        "lane_0/level_2_convolution_1/bias": (16,),
        "lane_0/level_2_capsules/convolution/kernel": (6, 6, 16, 32),
        "lane_0/level_2_capsules/convolution/bias": (32,),
        # 8 x 8 x 2 capsules of level 1; 128 x 16 -> 120 x 8 -> 39 x 1 x 2 of level 2.
        "lane_0/routing/kernel": (16, 1, 10, 128 + 78),
    }
    assert tuple(model.encode(np.zeros((2, 28, 28, 1), "float32")).shape) == (2, 10, 1)


def capsules_and_kernel(layer, batch):
    """What a lane of type mlcn1 and depth 1 routes: (images, capsules, 16), and through what."""
    inner = layer.parts
    capsules = inner["level_1_capsules"](inner["level_1_convolution_1"](batch))
    return arrays(capsules, inner["routing"].kernel)


def test_published_routing_is_a_sum_and_a_squash():
    layer = LaneCapsule(Lane("mlcn1", 1), CLASSES)
    (values,) = arrays(layer(images()))
    capsules, kernel = capsules_and_kernel(layer, images())
    total = np.einsum("bid,doi->bo", capsules, kernel[:, 0])
    square = np.sum(total**2, axis=-1, keepdims=True)
    np.testing.assert_allclose(
        values[..., 0], total * np.sqrt(square) / (1 + square), rtol=1e-4, atol=1e-6
    )
    assert np.all(np.sum(values**2, axis=1) < 1)


def test_published_iterations_would_change_nothing():
    from caps_hvd.ops.routing import dynamic_routing

    capsules = np.random.default_rng(1).normal(size=(2, 5, 16)).astype("float32")
    kernel = np.random.default_rng(2).normal(size=(16, 1, CLASSES, 5)).astype("float32")
    one, five = arrays(*(dynamic_routing(capsules, kernel, iterations=n) for n in (1, 5)))
    np.testing.assert_allclose(one, five, rtol=1e-5)


def test_routing_to_classes_squashes_each_class_alone():
    layer = LaneCapsule(Lane("mlcn1", 1), CLASSES, routing="classes", iterations=2)
    (values,) = arrays(layer(images()))
    capsules, kernel = capsules_and_kernel(layer, images())
    predictions = np.einsum("bid,dji->bij", capsules, kernel[:, :, 0])
    couplings = np.full_like(predictions, 1 / CLASSES)
    for _ in range(2):
        total = np.sum(couplings * predictions, axis=1)
        outputs = total * np.abs(total) / (1 + total**2)
        powers = np.exp(predictions * outputs[:, None])
        couplings = powers / powers.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(values[..., 0], outputs, rtol=1e-4, atol=1e-6)


def test_lengths_may_pass_one():
    model = build(("mlcn1, width 1",) * 4, decoder="none")
    lengths = model.score(np.full((1, CLASSES, 4), 0.9, "float32"))
    np.testing.assert_allclose(*arrays(lengths, np.full((1, CLASSES), 1.8)), rtol=1e-6)


def test_dimensions_are_called_by_their_lanes():
    assert build().dimension_names == ["lane 0", "lane 1", "lane 2"]
    small = models.build(CapsNetOptions(preset="small"), (8, 8, 1), 2)
    assert small.dimension_names[::15] == ["dimension 1", "dimension 16"]


def dropped(model, draws):
    """The mask of each draw: capsules whose lane k is 2^k show in the lengths what was left."""
    powers = np.broadcast_to(2.0 ** np.arange(4), (5, CLASSES, 4)).astype("float32")
    for _ in range(draws):
        (lengths,) = arrays(model.score(powers, training=True))
        assert np.ptp(lengths) == 0  # one mask for all images and classes
        # Kept lanes are doubled: lengths^2 = sum of 4 x 4^k.
        number = round(float(lengths[0, 0]) ** 2 / 4)
        assert 4 * number == pytest.approx(float(lengths[0, 0]) ** 2, rel=1e-5, abs=1e-9)
        yield [number >> 2 * lane & 1 for lane in range(4)]


def test_a_step_drops_the_same_lanes_of_all_its_images():
    keras.utils.set_random_seed(4)
    model = build(("mlcn1, width 1",) * 4, decoder="none", lane_dropout=0.5)
    masks = list(dropped(model, 60))
    assert len({tuple(mask) for mask in masks}) > 8
    assert 0.35 < np.mean(masks) < 0.65
    keras.utils.set_random_seed(4)
    again = build(("mlcn1, width 1",) * 4, decoder="none", lane_dropout=0.5)
    assert list(dropped(again, 60)) == masks


def test_dropped_lanes_are_left_out_of_the_lengths_only():
    model = build(lane_dropout=0.9, seed=1)
    inputs = {"image": images(), "label": np.zeros(2, "int32")}
    whole, training = (model(inputs, training=on) for on in (False, True))
    assert not np.allclose(*arrays(whole["scores"], training["scores"]))
    (labelled,) = arrays(model.decode(model.encode(images()), inputs["label"]))
    np.testing.assert_allclose(*arrays(training["reconstruction"], labelled), atol=1e-6)
    np.testing.assert_allclose(*arrays(model.score(model.encode(images())), whole["scores"]))


class Gathered(keras.layers.Layer):
    """Stands for an exchange: puts the values of the lanes that are elsewhere beside the own."""

    def __init__(self, own, others, values):
        super().__init__(dtype="float32")
        self.order = np.argsort([*own, *others])
        self.values = values[:, :, others]

    def call(self, capsules):
        return ops.take(ops.concatenate([capsules, self.values], axis=-1), self.order, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], len(self.order))


def test_lanes_built_apart_are_those_of_the_whole():
    """Values and gradients: a step of plain gradient descent moves every weight alike."""
    batch = {"image": images(4), "label": np.arange(4, dtype="int32") % CLASSES}
    targets = {"scores": batch["label"], "reconstruction": batch["image"]}

    def model(**more):
        keras.utils.clear_session()  # which counts the names of the decoder's layers from 0 again
        keras.utils.set_random_seed(8)
        return build(lane_dropout=0.3, **more)

    def step(model):
        model.compile(keras.optimizers.SGD(0.5), **models.compile_arguments(model, 0.01),
                      jit_compile=False)  # fmt: skip
        return float(model.train_on_batch(batch, targets, return_dict=True)["loss"])

    whole = model()
    (values,) = arrays(whole.encode(batch["image"]))
    parts = [
        model(lane_ids=own, exchange=Gathered(own, others, values))
        for own, others in (((2, 0), [1]), ((1,), [0, 2]))
    ]
    start = by_path(whole.weights)
    assert by_path([w for part in parts for w in part.weights]).keys() == start.keys()
    lanes = [{path for path in by_path(part.weights) if "lane_" in path} for part in parts]
    assert not lanes[0] & lanes[1]
    assert {path.split("/")[0] for path in lanes[0]} == {"lane_0", "lane_2"}
    for part in parts:
        for path, array in by_path(part.weights).items():
            np.testing.assert_array_equal(array, start[path], err_msg=path)
        np.testing.assert_allclose(*arrays(part.encode(batch["image"]), values), atol=1e-6)
    losses = [step(each) for each in (whole, *parts)]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)
    end = by_path(whole.weights)
    decoder = [path for path in end if "lane_" not in path and "standardization" not in path]
    assert all(np.any(end[path] != start[path]) for path in decoder)
    for part in parts:
        for path, array in by_path(part.weights).items():
            np.testing.assert_allclose(array, end[path], rtol=1e-5, atol=1e-6, err_msg=path)


def test_every_lane_starts_from_weights_of_its_own():
    kernels = [
        layer.parts["routing"].kernel
        for layer in build(("mlcn1, width 1",) * 3, seed=2).encoder.layers
        if isinstance(layer, LaneCapsule)
    ]
    one, two, three = arrays(*kernels)
    assert not np.allclose(one, two) and not np.allclose(two, three)
    other = build(("mlcn2, width 2", "mlcn1, width 1"), seed=2).encoder.get_layer("lane_1")
    np.testing.assert_array_equal(*arrays(other.parts["routing"].kernel, two))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lane_list": None, "lanes": 0}, "lanes: expected an integer of at least 1, received 0"),
        ({"lane_list": ()}, "lanes: expected at least one lane"),
        (
            {"lane_list": (*LANES, "mlcn1, width 2, depth 7")},
            r"lane 3 \(mlcn1, width 2, depth 7\): deeper than the image allows: .* at most depth 1",
        ),
        ({"image_shape": (12, 12, 1)}, r"lane 0 \(mlcn1, width 1, depth 1\): .* at least 14 x 14"),
        ({"lane_width": 2}, "lane_width: expected nothing beside lane_list.* received 2; remove"),
        ({"lanes": 3}, "lanes: expected nothing beside lane_list.* received 3"),
        ({"lane_routing": "none"}, "lane_routing: expected one of published, classes"),
        (
            {"routing_iterations": 5},
            "routing_iterations: expected 3, since .*published.* 5; remove",
        ),
        ({"stop_gradient": True}, "stop_gradient: expected False, since .*published.* True"),
        ({"preset": "slim"}, "preset: expected one of auto, paper, small; received 'slim'"),
        ({"lane_ids": ()}, r"lane_ids: expected some of 0 to 2, each once, received \[\]"),
        ({"lane_ids": (1, 1)}, r"lane_ids: .* received \[1, 1\]"),
        ({"lane_ids": (3,)}, r"lane_ids: .* received \[3\]"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        build(**options)


def test_no_classes_are_refused():
    with pytest.raises(ConfigError, match="classes: expected 1 or more; received 0"):
        models.build(MlcnOptions(), IMAGE, 0)


def test_lanes_without_an_exchange_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="for 3 lanes"):
        build(lane_ids=(0, 1))


def test_options_of_other_models_are_refused():
    with pytest.raises(ConfigError, match="lanes: .* model capsnet does not have .*: mlcn$"):
        TrainConfig(model="capsnet", lanes=2).model_options()
    with pytest.raises(ConfigError, match="weight_sharing: .* model mlcn does not .*: capsnet, .*"):
        TrainConfig(model="mlcn", weight_sharing=True).model_options()
