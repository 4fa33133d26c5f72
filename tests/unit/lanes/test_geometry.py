"""The network of a lane, against shapes computed by hand."""

import itertools

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.geometry import (
    CapsuleImage,
    Concatenation,
    Convolution,
    PrimaryLevel,
    Routing,
    networks,
    stages,
)
from caps_hvd.lanes.lane import Lane

MNIST, CIFAR = (28, 28, 1), (32, 32, 3)


def test_mlcn1():
    convolution, capsules, routing = stages(Lane("mlcn1", 2), MNIST)
    assert convolution == Convolution(
        name="level_1_convolution_1", filters=32, kernel=9, activation="relu", padding="valid",
        separable=False, input_shape=MNIST, output_shape=(20, 20, 32),
    )  # fmt: skip
    # (20 - 6) / 2 + 1 = 8 rows and columns, of 4 types each.
    assert capsules == PrimaryLevel(
        name="level_1_capsules", types=4, dim=16, kernel=6, strides=2, input_shape=(20, 20, 32),
        grid=(8, 8), output_shape=(256, 16),
    )  # fmt: skip
    assert routing == Routing(input_shape=(256, 16), output_shape=(10,))


def test_mlcn2():
    *convolutions, capsules, routing = stages(Lane("mlcn2", 4), CIFAR)
    assert [(each.kernel, each.activation, each.padding) for each in convolutions] == [
        (1, None, "same"),
        (6, "relu", "valid"),
        (3, "relu", "same"),
        (3, "relu", "same"),
        (3, "relu", "same"),
    ]
    assert [each.separable for each in convolutions] == [False, True, False, False, False]
    assert {each.filters for each in convolutions} == {64}
    assert [each.output_shape[0] for each in convolutions] == [32, 27, 27, 27, 27]
    # floor((27 - 6) / 2) + 1 = 11, of 8 types.
    assert (capsules.grid, capsules.output_shape) == ((11, 11), (968, 16))
    assert routing.input_shape == (968, 16)


def test_deeper_levels_take_capsules_as_an_image():
    found = stages(Lane("mlcn1", 1, depth=3), MNIST, classes=7)
    kinds = [type(stage) for stage in found]
    level = [CapsuleImage, Convolution, PrimaryLevel]
    assert kinds == [Convolution, PrimaryLevel, *level, *level, Concatenation, Routing]
    # 128 capsules -> 120 x 8 -> floor(114 / 3) + 1 = 39 rows, 1 column, 2 types;
    # 78 capsules -> 70 x 8 -> floor(64 / 3) + 1 = 22.
    assert found[2] == CapsuleImage(input_shape=(128, 16), output_shape=(128, 16, 1))
    assert found[3].output_shape == (120, 8, 16)
    assert (found[4].strides, found[4].grid, found[4].output_shape) == (3, (39, 1), (78, 16))
    assert found[7].output_shape == (44, 16)
    assert found[8] == Concatenation(
        input_shapes=((128, 16), (78, 16), (44, 16)), output_shape=(250, 16)
    )
    assert found[9] == Routing(input_shape=(250, 16), output_shape=(7,))
    names = [stage.name for stage in found if hasattr(stage, "name")]
    assert len(set(names)) == len(names)


def test_each_stage_takes_what_the_one_before_gives():
    found = stages(Lane("mlcn2", 3, depth=4), CIFAR)
    for before, after in itertools.pairwise(found):
        if not isinstance(after, Concatenation):
            assert after.input_shape == before.output_shape


@pytest.mark.parametrize("type", ["mlcn1", "mlcn2"])
def test_names_the_lane_that_is_too_deep(type):
    networks([Lane(type, 1, 5)], MNIST)
    with pytest.raises(
        ConfigError,
        match=rf"lane 1 \({type}, width 1, depth 7\): deeper than the image allows: expected at "
        "most depth 5 at 28 x 28 and width 1, received 7",
    ):
        networks([Lane(type, 1, 5), Lane(type, 1, 7)], MNIST)


@pytest.mark.parametrize(("type", "least"), [("mlcn1", 14), ("mlcn2", 11)])
def test_names_the_smallest_image(type, least):
    assert stages(Lane(type, 1), (least, least, 1))[-2].grid == (1, 1)
    with pytest.raises(ConfigError, match=rf"at least {least} x {least} .* received 28 x 3;"):
        stages(Lane(type, 1), (28, 3, 1))


def test_refuses_no_lanes():
    with pytest.raises(ConfigError, match="lanes: expected at least one lane"):
        networks((), MNIST)
