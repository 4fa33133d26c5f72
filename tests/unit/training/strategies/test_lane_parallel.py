"""Which rank has which lanes, and the whole of what they have."""

import dataclasses

import keras
import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed import comm
from caps_hvd.distributed.callbacks import AverageStatistics
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.lanes import groups
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.plan import Plan
from caps_hvd.training.build import build_strategy
from caps_hvd.training.strategies import lane_division, lane_parallel
from caps_hvd.training.strategies.data_parallel import DataParallelStrategy

MLCN = TrainConfig(model="mlcn", lanes=4)


@pytest.mark.parametrize(
    ("number", "ranks", "size"), [(1, 6, 1), (2, 6, 2), (None, 4, 4), (None, 1, 1), (4, 8, 4)]
)
def test_ranks_that_share_a_batch(number, ranks, size):
    assert groups.group_size(dataclasses.replace(MLCN, lane_groups=number), ranks) == size


@pytest.mark.parametrize(
    ("changes", "ranks", "message"),
    [
        ({"lane_groups": 5}, 5, "lane_groups: expected 4 at most, one for each lane, received 5"),
        ({"lane_groups": None}, 8, "lane_groups: expected 4 at most, one for each lane, received"),
        ({"lane_groups": 2}, 3, "lane_groups: expected a divisor of 3 ranks, received 2"),
        (
            {"lane_groups": 2},
            1,
            "a divisor of 1 rank, received 2; start 2 ranks or a multiple, or",
        ),
        ({"lane_groups": 2, "model": "capsnet"}, 2, "model capsnet has no lanes"),
        ({"lane_plan": "plan.toml"}, 2, "lane_plan: expected none where one group has all lanes"),
        ({"lane_groups": 2, "reduce_op": "adasum"}, 4, "reduce_op: expected average or sum"),
    ],
)
def test_groups_that_cannot_be(changes, ranks, message):
    with pytest.raises(ConfigError, match=message):
        groups.group_size(dataclasses.replace(MLCN, **changes), ranks)


def test_values_of_all_ranks_stand_in_the_order_of_one_process():
    zero = {
        "model/lane_1/kernel": 1, "model/lane_10/kernel": 10, "model/decoder/kernel": 9,
        "optimizer/iteration": 5, "optimizer/lane_1_kernel_momentum": -1,
        "optimizer/lane_10_kernel_momentum": -10, "optimizer/decoder_kernel_momentum": -9,
    }  # fmt: skip
    one = {
        "model/lane_2/kernel": 2, "model/lane_2/bias": 22, "model/decoder/kernel": None,
        "optimizer/iteration": None, "optimizer/lane_2_kernel_momentum": -2,
        "optimizer/lane_2_bias_momentum": -22, "optimizer/decoder_kernel_momentum": None,
    }  # fmt: skip
    assert list(lane_parallel.merged([zero, one]).items()) == [
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
    assert lane_parallel.merged([{"model/kernel": 1}]) == {"model/kernel": 1}


def test_no_rank_stays_without_a_lane():
    found = Plan(
        assignment=((0, 1, 3), (), (2,)), loads=(2.0, 0.0, 2.0), makespan=2.0, method="greedy",
        lower_bound=2.0, proven=False,
    )  # fmt: skip
    devices = [Device("a", 4.0), Device("b", 0.5), Device("c", 1.0)]
    given = lane_division.occupied(found, [4.0, 1.0, 2.0, 3.0], devices)
    assert given.assignment == ((0, 3), (1,), (2,))
    assert given.loads == (1.75, 2.0, 2.0) and given.makespan == 2.0
    assert lane_division.occupied(given, [4.0, 1.0, 2.0, 3.0], devices) == given


def test_one_process_has_the_whole_model():
    strategy = build_strategy(MLCN, (28, 28, 1), 10, comm.rank_grid(comm.Communicator(), 1))
    assert isinstance(strategy, DataParallelStrategy)
    assert strategy.describe() is None
    assert [type(each) for each in strategy.callbacks()] == [AverageStatistics]
    assert strategy.record() is None and strategy.model_arguments() == {}


def test_ranks_that_meet_without_the_others():
    assert comm.groups(4, 1) == comm.groups(4, 4) == []
    assert comm.groups(6, 3) == [(0, 1, 2), (3, 4, 5), (0, 3), (1, 4), (2, 5)]
    with pytest.raises(ConfigError, match="group_size: expected a divisor of 1 ranks, received 2"):
        comm._communicator, before = None, comm._communicator
        try:
            comm.init(group_size=2)
        finally:
            comm._communicator = before


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("accumulate_steps", [1, 2])
def test_a_checkpoint_of_parts_is_that_of_the_whole(precision, accumulate_steps):
    """Every rank's optimizer has variables of its own lanes, and more under float16."""
    from caps_hvd.distributed import distribute
    from caps_hvd.training import checkpoint
    from caps_hvd.training.build import build_model, build_optimizer

    def built(**arguments):
        config = TrainConfig(
            model="mlcn", preset="small", lanes=3, lane_type="mlcn1", lane_width=1,
            precision=precision, lane_dropout=0.1,
        )  # fmt: skip
        model = build_model(config, (16, 16, 1), 3, seed=1, **arguments)
        optimizer = distribute(
            build_optimizer(config), comm.Communicator(), accumulate_steps=accumulate_steps
        )
        optimizer.build(model.trainable_variables)
        return model, optimizer

    def others(lanes):
        return lambda own: keras.ops.concatenate([own] * lanes, axis=-1)[..., :3]

    try:
        whole = built()
        parts = [
            built(lane_ids=(0, 2), exchange=others(2)), built(lane_ids=(1,), exchange=others(3))
        ]  # fmt: skip
        for index, variable in enumerate(checkpoint.named_variables(*whole).values()):
            variable.assign(keras.ops.full(variable.shape, index % 100, variable.dtype))
        state = checkpoint.state_dict(*whole)
        for part in parts:
            checkpoint.load_state_dict(state, *part, part=True)
        merged = lane_parallel.merged([checkpoint.state_dict(*part) for part in parts])
        assert list(merged) == list(state)
        for name, value in state.items():
            np.testing.assert_array_equal(merged[name], value, err_msg=name)
        with pytest.raises(RunError, match="belongs to another model"):
            checkpoint.load_state_dict(state, *parts[0])
        with pytest.raises(RunError, match="written by an older version"):
            checkpoint.load_state_dict({f"old {name}": 0 for name in state}, *parts[0], part=True)
    finally:
        keras.config.set_dtype_policy("float32")
