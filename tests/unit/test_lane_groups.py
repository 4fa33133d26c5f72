"""Which rank has which lanes, and the whole of what they have."""

import dataclasses

import pytest

from caps_hvd import lane_groups
from caps_hvd.config import TrainConfig
from caps_hvd.distributed import comm
from caps_hvd.errors import ConfigError
from caps_hvd.lanes.plan import Plan

MLCN = TrainConfig(model="mlcn", lanes=4)


@pytest.mark.parametrize(
    ("groups", "ranks", "size"), [(1, 6, 1), (2, 6, 2), (None, 4, 4), (None, 1, 1), (4, 8, 4)]
)
def test_ranks_that_share_a_batch(groups, ranks, size):
    assert lane_groups.group_size(dataclasses.replace(MLCN, lane_groups=groups), ranks) == size


@pytest.mark.parametrize(
    ("changes", "ranks", "message"),
    [
        ({"lane_groups": 5}, 5, "lane_groups: expected 4 at most, one for each lane, received 5"),
        ({"lane_groups": None}, 8, "lane_groups: expected 4 at most, one for each lane, received"),
        ({"lane_groups": 2}, 3, "lane_groups: expected a divisor of 3 ranks, received 2"),
        ({"lane_groups": 2}, 1, "expected a divisor of 1 rank, received 2; start 2 ranks"),
        ({"lane_groups": 2, "model": "capsnet"}, 2, "model capsnet has no lanes"),
        ({"lane_plan": "plan.toml"}, 2, "lane_plan: expected --lane-groups above 1"),
        ({"lane_groups": 2, "reduce_op": "adasum"}, 4, "reduce_op: expected average or sum"),
    ],
)
def test_groups_that_cannot_be(changes, ranks, message):
    with pytest.raises(ConfigError, match=message):
        lane_groups.group_size(dataclasses.replace(MLCN, **changes), ranks)


def test_values_of_all_ranks_stand_in_the_order_of_one_process():
    zero = {
        "model/lane_1/kernel": 1, "model/lane_10/kernel": 10, "model/decoder/kernel": 9,
        "optimizer/iteration": 5, "optimizer/lane_1_kernel_momentum": -1,
        "optimizer/lane_10_kernel_momentum": -10, "optimizer/decoder_kernel_momentum": -9,
    }  # fmt: skip
    one = {
        "model/lane_2/kernel": 2, "model/lane_2/bias": 22, "model/decoder/kernel": 9,
        "optimizer/iteration": 5, "optimizer/lane_2_kernel_momentum": -2,
        "optimizer/lane_2_bias_momentum": -22, "optimizer/decoder_kernel_momentum": -9,
    }  # fmt: skip
    assert list(lane_groups.merged([zero, one]).items()) == [
        ("model/lane_1/kernel", 1),
        ("model/lane_2/kernel", 2),
        ("model/lane_2/bias", 22),
        ("model/lane_10/kernel", 10),
        ("model/decoder/kernel", 9),
        ("optimizer/iteration", 5),
        ("optimizer/lane_1_kernel_momentum", -1),
        ("optimizer/lane_2_kernel_momentum", -2),
        ("optimizer/lane_2_bias_momentum", -22),
        ("optimizer/lane_10_kernel_momentum", -10),
        ("optimizer/decoder_kernel_momentum", -9),
    ]
    assert lane_groups.merged([{"model/kernel": 1}]) == {"model/kernel": 1}


def test_no_rank_stays_without_a_lane():
    found = Plan(
        assignment=((0, 1, 3), (), (2,)), loads=(2.0, 0.0, 2.0), makespan=2.0, method="greedy",
        lower_bound=2.0, proven=False,
    )  # fmt: skip
    given = lane_groups.occupied(found, costs=[4.0, 1.0, 2.0, 3.0], speeds=[4.0, 0.5, 1.0])
    assert given.assignment == ((0, 3), (1,), (2,))
    assert given.loads == (1.75, 2.0, 2.0) and given.makespan == 2.0
    assert lane_groups.occupied(given, [4.0, 1.0, 2.0, 3.0], [4.0, 0.5, 1.0]) == given


def test_one_process_has_the_whole_model():
    parts = lane_groups.divide(MLCN, (28, 28, 1), 10, comm.split(comm.Communicator(), 1))
    assert parts.facts is None and parts.model_arguments() == {}


def test_ranks_that_meet_without_the_others():
    from caps_hvd.distributed.horovod_communicator import groups

    assert groups(4, 1) == groups(4, 4) == []
    assert groups(6, 3) == [(0, 1, 2), (3, 4, 5), (0, 3), (1, 4), (2, 5)]
    with pytest.raises(ConfigError, match="group_size: expected a divisor of 1 ranks, received 2"):
        comm._communicator, before = None, comm._communicator
        try:
            comm.init(group_size=2)
        finally:
            comm._communicator = before
