"""The scaling table of a small sweep, against figures worked out by hand."""

import dataclasses

import pytest

from caps_hvd.errors import RunError
from caps_hvd.report.columns import Spread
from caps_hvd.report.scaling.table import epoch_shares, tabulate
from tests.unit.report.scaling import sweeps


@pytest.fixture
def table():
    return tabulate(sweeps.two_groups())


def test_groups_are_what_differs_but_for_machines_and_repetition(table):
    assert [group.label for group in table.groups] == ["batch size 100", "batch size 200"]
    assert [group.axes for group in table.groups] == [{"batch_size": 100}, {"batch_size": 200}]
    assert [[row.point.machines for row in group.rows] for group in table.groups] == [
        [1, 5, 15]
    ] * 2
    assert [[row.repetitions for row in group.rows] for group in table.groups] == [
        [2, 2, 2],
        [2, 2, 1],
    ]


def test_an_axis_that_does_not_differ_is_in_no_label():
    points = [
        sweeps.point(1, 0, (10.0,), axes={"model": "capsnet", "policy": policy})
        for policy in ("fixed", "linear")
    ]
    labels = [group.label for group in tabulate(sweeps.sweep(*points)).groups]
    assert labels == ["policy fixed", "policy linear"]


def test_seconds_speed_up_and_efficiency(table):
    one, five, fifteen = table.groups[0].rows
    assert one.seconds_per_epoch.values == (600.0, 620.0)
    assert [row.seconds_per_epoch.mean for row in (one, five, fifteen)] == [610.0, 182.0, 88.0]
    assert [row.speed_up for row in (one, five, fifteen)] == [
        1.0,
        pytest.approx(3.3516, abs=5e-5),
        pytest.approx(6.9318, abs=5e-5),
    ]
    assert [row.efficiency for row in (one, five, fifteen)] == [
        1.0,
        pytest.approx(0.67033, abs=5e-6),
        pytest.approx(0.46212, abs=5e-6),
    ]
    # 10 of 610 and 2 of 88: 1.639 % and 2.273 %, together 2.802 % of 6.9318.
    assert one.speed_up_plus_minus is None
    assert fifteen.speed_up_plus_minus == pytest.approx(0.19425, abs=5e-5)
    assert fifteen.efficiency_plus_minus == pytest.approx(0.012950, abs=5e-6)


def test_the_first_epoch_stands_apart(table):
    fifteen = table.groups[0].rows[2]
    assert fifteen.first_epoch_seconds.values == (119.0, 115.0)
    assert fifteen.epochs == 3
    assert not fifteen.one_epoch_only


def test_a_run_of_one_epoch_says_so():
    alone = sweeps.point(1, 0, (10.0,))
    alone = dataclasses.replace(alone, epochs=alone.epochs[:1])
    (row,) = tabulate(sweeps.sweep(alone)).groups[0].rows
    assert row.one_epoch_only
    assert row.seconds_per_epoch.mean == 40.0


def test_rates_accuracy_and_energy(table):
    fifteen = table.groups[1].rows[2]
    # Epochs of 49 and 51 s: the median of 60,000 / 49 and 60,000 / 51.
    assert fifteen.images_per_second.mean == pytest.approx(1200.48, abs=0.005)
    assert fifteen.test_accuracy.values == (0.99,)
    assert fifteen.energy_joules_per_epoch.values == (5000.0,)  # 15,000 J in three epochs
    point = fifteen.point
    assert (point.ranks, point.images_per_step, point.bytes_per_step) == (
        15, 1500, 32_860_000,
    )  # fmt: skip


def test_shares_are_of_an_epoch_with_its_evaluation(table):
    """90 s of training and 10 s of evaluation: 70 % of 90 s is 63 % of the whole."""
    (point,) = (each for each in sweeps.two_groups().points if each.name == "15x-100-r0")
    assert epoch_shares(point) == pytest.approx(
        {
            "compute": 0.63,
            "exposed_communication": 0.18,
            "input": 0.036,
            "other": 0.054,
            "evaluation": 0.1,
        }
    )
    # With 86 s in the other run, evaluation is 10 of 96.
    assert table.groups[0].rows[2].shares["evaluation"] == pytest.approx((0.1 + 0.1041667) / 2)


def test_no_shares_where_a_run_did_not_measure_them():
    measured = sweeps.point(1, 0, (10.0,))
    not_measured = sweeps.point(1, 1, (10.0,), parts=False)
    (row,) = tabulate(sweeps.sweep(measured, not_measured)).groups[0].rows
    assert row.shares == {}


def test_speed_up_is_against_the_fewest_machines_that_finished():
    points = [sweeps.point(4, 0, (100.0,)), sweeps.point(8, 0, (62.5,))]
    four, eight = tabulate(sweeps.sweep(*points)).groups[0].rows
    assert (four.speed_up, four.efficiency) == (1.0, 1.0)
    assert (eight.speed_up, eight.efficiency) == (1.6, 0.8)


def test_ranks_on_one_machine_are_a_table_of_ranks():
    points = [
        dataclasses.replace(
            sweeps.point(1, 0, (seconds,), axes={"ranks_per_machine": ranks}), ranks=ranks
        )
        for ranks, seconds in ((1, 40.0), (2, 25.0))
    ]
    table = tabulate(sweeps.sweep(*points))
    assert table.across == "ranks"
    (group,) = table.groups
    assert [
        (row.count, row.point.machines, row.speed_up, row.efficiency) for row in group.rows
    ] == [
        (1, 1, 1.0, 1.0),
        (2, 1, 1.6, 0.8),
    ]


def test_what_is_left_out_is_named(table):
    assert table.finished == 11
    assert table.failed == (("15x-200-r1", "host h7: connection refused"),)
    assert table.unfinished == ("20x-200-r0",)


def test_nothing_finished():
    planned = sweeps.left_out("a", 1, "planned")
    failed = sweeps.left_out("b", 5, "failed", "no such host")
    with pytest.raises(RunError, match="lab15: none of its 1 points is finished"):
        tabulate(sweeps.sweep(planned))
    with pytest.raises(RunError, match="2 points is finished and 1 failed, b with: no such host"):
        tabulate(sweeps.sweep(planned, failed))
    with pytest.raises(RunError, match="none of its 0 points"):
        tabulate(sweeps.sweep())


@pytest.mark.parametrize(
    ("values", "mean", "plus_minus", "deviation"),
    [
        ((5.0,), 5.0, None, None),
        ((9.0, 11.0), 10.0, 1.0, 1.414214),  # half the range; sqrt((1 + 1) / 1)
        ((8.0, 10.0, 12.0), 10.0, 2.0, 2.0),  # sqrt((4 + 0 + 4) / 2)
    ],
)
def test_spread(values, mean, plus_minus, deviation):
    spread = Spread(values)
    assert spread.mean == mean
    assert spread.plus_minus == plus_minus
    assert spread.deviation == pytest.approx(deviation, abs=5e-7)
