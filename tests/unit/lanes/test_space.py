"""Random lanes that fit: limits counted by hand, one candidate everywhere, what fits nowhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.space import Kind, LaneSpace, candidate, draw, lane_space

SMALL, MIDDLE, LARGE = Lane("mlcn1", 1), Lane("mlcn1", 2), Lane("mlcn2", 2)
SPACE = LaneSpace(
    types=("mlcn1", "mlcn2"),
    widths=(1, 2),
    depths=(1, 1),
    kinds=(Kind(SMALL, 2.0, 10.0), Kind(MIDDLE, 5.0, 40.0), Kind(LARGE, 7.0, 15.0)),
    devices=2,
    flops=10.0,
    memory_mib=60.0,
)
CIFAR = {
    "types": ("mlcn1", "mlcn2"),
    "widths": (1, 4),
    "depths": (1, 4),
    "image_shape": (32, 32, 3),
    "batch_size": 100,
}


def lanes(kinds):
    return [kind.lane for kind in kinds]


def test_fits_by_operations_and_by_memory():
    assert lanes(SPACE.fitting([])) == [SMALL, MIDDLE, LARGE]
    assert lanes(SPACE.fitting([LARGE])) == [SMALL]  # 3 operations are left
    assert lanes(SPACE.fitting([MIDDLE])) == [SMALL]  # 5 operations, but 20 MiB
    assert SPACE.fitting([SMALL, LARGE]) == ()


def test_fills_one_device_after_the_other():
    asked = []

    def largest(device, place, kinds):
        asked.append((device, place))
        return kinds[-1].lane

    assert candidate(SPACE, largest) == (LARGE, SMALL, LARGE, SMALL)
    assert asked == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_each_kind_that_fits_is_as_likely():
    first = [draw(SPACE, seed=0, number=number)[0] for number in range(600)]
    for lane in (SMALL, MIDDLE, LARGE):
        assert 150 < first.count(lane) < 250


def test_is_the_same_everywhere_and_another_for_another_number():
    space = lane_space(**CIFAR, devices=4, flops=1)
    assert draw(space, 0, 3) == draw(space, 0, 3)
    assert len({draw(space, seed, number) for seed in (0, 1) for number in range(8)}) == 16
    # Kept as it is, so that a search goes on with what it has begun with.
    assert draw(SPACE, 0, 0) == (MIDDLE, SMALL, SMALL, MIDDLE, SMALL, SMALL)


def test_a_limit_of_one_is_the_model_of_four_lanes():
    space = lane_space(**CIFAR, devices=4, flops=1)
    # A lane of it for each of four devices; 23.8508288 GFLOP by `lane_costs`.
    assert space.flops == pytest.approx(23.8508288e9)
    assert Lane("mlcn2", 2, 4) in lanes(space.kinds)
    assert Lane("mlcn2", 4, 1) not in lanes(space.kinds)  # 24.4 GFLOP
    assert lane_space(**CIFAR, devices=32, flops=8).flops == pytest.approx(space.flops)


@settings(max_examples=25, deadline=None)
@given(
    devices=st.sampled_from([4, 8, 16, 32]),
    flops=st.sampled_from([1, 2, 4, 8]),
    memory_mib=st.sampled_from([2048, 4096, 8192, 12288]),
    number=st.integers(0, 1000),
)
def test_candidates_fit_the_source_s_limits_and_nothing_more_would(
    devices, flops, memory_mib, number
):
    space = lane_space(**CIFAR, devices=devices, flops=flops, memory_mib=memory_mib)
    known = {kind.lane: kind for kind in space.kinds}
    bins = [[] for _ in range(devices)]

    def note(device, place, kinds):
        assert place == len(bins[device])
        bins[device].append(kinds[number % len(kinds)].lane)
        return bins[device][-1]

    assert candidate(space, note) == tuple(lane for own in bins for lane in own)
    for own in bins:
        left = space.flops - sum(known[lane].flops for lane in own)
        room = memory_mib - sum(known[lane].memory_mib for lane in own)
        assert left >= 0 and room >= 0
        assert not any(kind.flops <= left and kind.memory_mib <= room for kind in space.kinds)


def test_lanes_deeper_than_the_image_allows_are_left_out():
    space = lane_space(**CIFAR | {"depths": (6, 7), "widths": (1, 1)}, devices=4, flops=1)
    assert {kind.lane.depth for kind in space.kinds} == {6}
    with pytest.raises(ConfigError, match="deeper than the image allows: expected at most depth 6"):
        lane_space(**CIFAR | {"depths": (7, 8), "widths": (1, 1)}, devices=4, flops=1)


def test_limits_that_no_lane_fits_name_the_smallest_lane():
    with pytest.raises(
        ConfigError,
        match=r"flops: expected room for the smallest lane \(mlcn1, width 1, depth 1\), 0.849 "
        r"GFLOP, received 0.477 on each of 200 devices",
    ):
        lane_space(**CIFAR, devices=200, flops=1)
    with pytest.raises(
        ConfigError, match=r"memory_mib: expected room for the smallest lane \(mlcn1, width 1, "
    ):
        lane_space(**CIFAR, devices=4, flops=1, memory_mib=2)
