"""What lanes cost, against numbers computed by hand."""

import pytest

from caps_hvd.lanes.cost import lane_costs, model_parameters, published_cost
from caps_hvd.lanes.lane import Lane, homogeneous
from caps_hvd.report.published.mlcn import TABLE

MNIST = (28, 28, 1)
COUNTED = (11_749_120, 5_964_800, 9_640_448, 8_215_568, 2_371_856, 5_499_152)


def cost_of(lane, batch_size=1, **more):
    (cost,) = lane_costs((lane,), MNIST, batch_size, **more)
    return cost


def test_mlcn1():
    cost = cost_of(Lane("mlcn1", 1))
    # Convolution 9 x 9 x 1 x 16 + 16; capsules 6 x 6 x 16 x 32 + 32; 128 x 16 x 10 to route.
    assert cost.parameters == 1_312 + 18_464 + 20_480
    # 2 x (20 x 20 x 1,296 + 8 x 8 x 18,432 + (3 votes + 2 agreements) x 20,480).
    assert cost.flops == 2 * (518_400 + 1_179_648 + 102_400)
    # 20 x 20 x 16; 128 x 16 before and after squash; 10.
    assert cost.activation_bytes == 4 * (6_400 + 2 * 2_048 + 10)
    # The weight, its gradient, and two moments.
    assert cost.weights_bytes == 4 * 4 * cost.parameters
    assert cost.memory_mib == (cost.weights_bytes + cost.activation_bytes) / 1024**2


def test_separable_convolution():
    cost = cost_of(Lane("mlcn2", 1), iterations=1)
    # 1 x 1 x 1 x 16 + 16; 6 x 6 x 16 + 16 x 16 + 16; 3 of 3 x 3 x 16 x 16 + 16; the capsules;
    # 162 x 160.
    assert cost.parameters == 32 + 848 + 3 * 2_320 + 18_464 + 25_920
    # Positions: 28 x 28; 23 x 23 four times; 9 x 9; one vote.
    products = 784 * 16 + 529 * (832 + 3 * 2_304) + 81 * 18_432 + 25_920
    assert cost.flops == 2 * products
    # The separable one gives 23 x 23 x 16 twice.
    assert cost.activation_bytes == 4 * (12_544 + 5 * 8_464 + 2 * 2_592 + 10)


def test_deeper_levels_add_to_it():
    cost = cost_of(Lane("mlcn1", 1, depth=2))
    # A second convolution and second capsules like the first; 128 + 78 capsules to route.
    assert cost.parameters == 2 * (1_312 + 18_464) + 206 * 160
    # Positions 120 x 8 and 39; the concatenation is another 206 x 16 numbers.
    assert cost.flops == 2 * (518_400 + 1_179_648 + 960 * 1_296 + 39 * 18_432 + 5 * 32_960)
    numbers = 6_400 + 4_096 + 960 * 16 + 2 * 78 * 16 + 206 * 16 + 10
    assert cost.activation_bytes == 4 * numbers


def test_batch_counts_for_work_and_activations_only():
    one, many = cost_of(Lane("mlcn1", 2)), cost_of(Lane("mlcn1", 2), batch_size=50)
    assert many.flops == 50 * one.flops
    assert many.activation_bytes == 50 * one.activation_bytes
    assert many.weights_bytes == one.weights_bytes


def test_published_cost():
    assert [published_cost(Lane("mlcn1", 3)), published_cost(Lane("mlcn2", 2, 5))] == [9, 20]


def test_decoder_reads_one_dimension_of_each_lane():
    lanes = homogeneous(2, "mlcn1", 1)
    # 10 classes x 2 lanes -> 512 -> 1024 -> 784.
    decoder = 21 * 512 + 513 * 1_024 + 1_025 * 784
    assert model_parameters(lanes, MNIST) == 2 * 40_256 + decoder


@pytest.mark.parametrize(
    ("row", "parameters"),
    list(zip(TABLE, COUNTED, strict=True)),
    ids=lambda value: getattr(value, "name", None),
)
def test_rows_of_the_published_table(row, parameters):
    assert row.counted_parameters() == parameters
