"""Lanes and devices as data, and what is said of files that hold something else."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.lanes import device, lane
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.lane import Lane


@pytest.fixture
def write(tmp_path):
    def text(content):
        path = tmp_path / "some.toml"
        path.write_text(content)
        return path

    return text


def test_lanes_of_a_file_keep_their_order(write):
    path = write(
        '[[lane]]\ntype = "mlcn2"\nwidth = 4\ncount = 2\n'
        '[[lane]]\ntype = "mlcn1"\nwidth = 1\ndepth = 3\n'
    )
    assert lane.read(path) == (Lane("mlcn2", 4, 1), Lane("mlcn2", 4, 1), Lane("mlcn1", 1, 3))


def test_homogeneous_lanes():
    assert lane.homogeneous(3, "mlcn1", 2, 5) == (Lane("mlcn1", 2, 5),) * 3
    with pytest.raises(ConfigError, match="lanes: expected an integer of at least 1, received 0"):
        lane.homogeneous(0, "mlcn1", 2)


def test_lanes_of_their_texts():
    lanes = (Lane("mlcn2", 4), Lane("mlcn1", 1, 3))
    assert lane.from_texts(map(str, lanes)) == lanes
    assert lane.checked(["mlcn2, width 4"]) == (Lane("mlcn2", 4, 1),)
    assert lane.checked(map(str, lanes)) == lane.checked(lanes) == lanes
    assert tuple(map(str, lanes)) == ("mlcn2, width 4, depth 1", "mlcn1, width 1, depth 3")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["mlcn1, width 2", "mlcn1 2"], "^lane 1: expected a text such as .* received 'mlcn1 2'$"),
        (["mlcn1, width 99"], r"^lane 0 \(mlcn1, width 99\): width: .* 1 to 64 .* received 99$"),
        (["mlcn1, width 2, depth 0"], "depth: .* received 0$"),
        ([7], "received 7$"),
        ([], "expected at least one lane"),
    ],
)
def test_says_what_is_wrong_with_texts(texts, message):
    with pytest.raises(ConfigError, match=message):
        lane.checked(texts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[[lane]]\ntype = "mlcn3"\nwidth = 2', r"line 2: type: .* received 'mlcn3'; did you mean"),
        (
            '[[lane]]\ntype = "mlcn1"\nwidth = 2\n\n[[lane]]\ntype = "mlcn1"\nwidth = 0',
            r"line 7: width: expected an integer from 1 to 64 .* received 0",
        ),
        ('[[lane]]\ntype = "mlcn1"\n', r"line 1: expected a line `width = ...` below it"),
        ("[[lane]]\nwidht = 1", r"line 2: widht: unknown key; did you mean 'width'"),
        ('[[lane]]\ntype = "mlcn1"\nwidth = 1\ncount = 0', r"line 4: count: .* received 0"),
        ("lanes = 3", r"line 1: lanes: unknown key; did you mean 'lane'"),
        ('[lane]\ntype = "mlcn1"', r"lane: expected tables headed \[\[lane\]\]"),
        ("", r"expected at least one \[\[lane\]\], received none"),
        ("[[lane", r"not a TOML file: "),
    ],
)
def test_says_what_is_wrong_with_a_file(write, content, message):
    path = write(content)
    with pytest.raises(ConfigError, match=message) as caught:
        lane.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_says_that_there_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot read: No such file"):
        lane.read(tmp_path / "nothing.toml")


def test_devices_of_a_file_are_numbered(write):
    path = write(
        '[[device]]\nname = "K80"\nmemory_mib = 512\n'
        '[[device]]\nname = "V100"\nspeed = 6\ncount = 2\n'
    )
    assert device.read(path) == (
        Device("K80", 1.0, 512.0),
        Device("V100-0", 6.0),
        Device("V100-1", 6.0),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[[device]]\nname = "a"\nspeed = 0', r"line 3: speed: expected a number above 0"),
        ("[[device]]\nspeed = 1", r"line 1: expected a line `name = ...` below it"),
        (
            '[[device]]\nname = "a"\n[[device]]\nname = "a"',
            r"line 3: name: 'a' is there twice",
        ),
    ],
)
def test_says_what_is_wrong_with_devices(write, content, message):
    with pytest.raises(ConfigError, match=message):
        device.read(write(content))
