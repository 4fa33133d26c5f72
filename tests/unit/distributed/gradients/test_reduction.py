"""Gradient buckets, and arguments that cannot work."""

import dataclasses

import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.gradients.compression import COMPRESSORS, faster_compression
from caps_hvd.distributed.gradients.reduction import GradientReduction, plan_buckets
from caps_hvd.errors import ConfigError, DistributedError
from caps_hvd.io.options import option_of


@pytest.mark.parametrize(
    ("sizes", "limit", "expected"),
    [
        ([], 4, []),
        ([1, 1, 1], 4, [[0, 1, 2]]),
        ([2, 2, 1], 4, [[0, 1], [2]]),
        ([1, 9, 1], 4, [[0], [1], [2]]),
        ([1, 1], 0, [[0], [1]]),
    ],
)
def test_groups_by_bytes(sizes, limit, expected):
    assert plan_buckets([(i, "float32", size) for i, size in enumerate(sizes)], limit) == expected


def test_a_group_has_one_dtype():
    tensors = [("a", "float32", 1), ("b", "float16", 1), ("c", "float16", 1)]
    assert plan_buckets(tensors, 100) == [["a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"op": "mean"}, "op: expected one of average, sum, adasum, received 'mean'"),
        ({"compression": "fp8"}, "compression: expected one of auto, none, fp16, received 'fp8'"),
        ({"reduce_on": "gpu"}, "reduce_on: expected one of auto, cpu, received 'gpu'"),
        ({"group_mib": 0}, "group_mib: expected a number above 0, received 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        GradientReduction(Communicator(), **options)


@pytest.mark.parametrize(
    ("size", "backend", "message"),
    [(2, "gloo", "over MPI only"), (3, "mpi", "power of two of ranks .* received 3")],
)
def test_adasum_where_it_cannot_work(size, backend, message):
    with pytest.raises(DistributedError, match=message):
        GradientReduction(Communicator(0, size, 0, size, backend), "adasum")


def test_one_rank_passes_gradients_through():
    reduction = GradientReduction(Communicator())
    gradients = [object(), None]
    assert reduction(gradients) == gradients
    assert reduction.compression == "none"
    assert reduction.bytes_per_reduction == 0


@pytest.mark.parametrize(
    ("none", "fp16", "expected"),
    [
        (0.285, 0.177, "fp16"),  # 8.2 M parameters over MPI at 1 Gbit/s
        (0.060, 0.053, "none"),  # the same on a fast link
        (0.075, 0.185, "none"),  # Gloo on a fast link
        (0.285, 0.245, "none"),  # Gloo at 1 Gbit/s: too little for half precision
        (0.038, 0.018, "none"),  # half the time, but not worth the precision
    ],
)
def test_compression_must_be_worth_it(none, fp16, expected):
    assert faster_compression(none, fp16) == expected


def test_every_compression_can_be_chosen_by_name():
    (field,) = (each for each in dataclasses.fields(TrainConfig) if each.name == "compression")
    assert option_of(field).choices == ("auto", *COMPRESSORS)
