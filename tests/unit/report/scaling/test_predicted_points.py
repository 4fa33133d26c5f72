"""The scale model asked for a sweep's points; its own figures are tested where it is."""

import dataclasses

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.report.scaling.predicted_points import predict_table
from caps_hvd.report.scaling.table import tabulate
from caps_hvd.scaling.machine_profile import BucketProfile, Calibration, StepTime, read, write
from tests.unit.report.scaling import sweeps


@pytest.fixture
def calibration(tmp_path):
    """One second for 100 images, two for 200, on one core; communication costs no processor."""
    path = tmp_path / "calibration.json"
    values = Calibration(
        created_utc="2026-11-21T05:00:00+00:00",
        command_line=["caps-hvd", "calibrate"],
        cpu_model="a processor",
        cores=1,
        threads=1,
        backend="none",
        model="capsnet",
        precision="float32",
        parameters=8_215_568,
        steps=[
            StepTime(batch_size=100, ranks=1, seconds=1.0),
            StepTime(batch_size=200, ranks=1, seconds=2.0),
        ],
        step_samples=[1.0],
        groups=[BucketProfile(gradient_bytes=32_860_000, ready_share=1.0)],
        forward_seconds_per_image=0.001,
        input_seconds_per_image=0.0,
        add_seconds_per_byte=0.0,
        allreduces=[],
    )
    write(path, values)
    return path


def test_each_row_has_its_prediction(calibration):
    table = tabulate(sweeps.two_groups())
    made = predict_table(table, calibration, "1gbit")
    assert [[each.count for each in group] for group in made.of_rows] == [[1, 5, 15]] * 2
    one, five, fifteen = made.of_rows[0]
    # 600 steps of a second, alone; 120 and 40 of them with an all-reduce at the end of each.
    assert (one.seconds_per_epoch, one.exposed_communication_seconds) == (600.0, 0.0)
    assert (five.compute_seconds, fifteen.compute_seconds) == (120.0, 40.0)
    # 2 * 14/15 of 32.86 MB at 117.7 MB/s are 0.521 s; latencies add a millisecond or two.
    assert fifteen.exposed_communication_seconds / 40 == pytest.approx(0.521, abs=0.005)
    assert fifteen.speed_up == pytest.approx(600 / fifteen.seconds_per_epoch)
    assert fifteen.efficiency == pytest.approx(fifteen.speed_up / 15)
    assert one.error_percent(610.0) == pytest.approx(-1.639, abs=5e-4)
    assert [each.count for each in made.lines[0]] == list(range(1, 16))
    assert made.about == (
        "Predicted from calibration.json (a processor) for 1gbit and 1 core per machine; "
        "nothing is fitted on the measured points."
    )


def test_shared_cores(calibration):
    """Five machines on one core compute as long as one machine."""
    made = predict_table(tabulate(sweeps.two_groups()), calibration, "1gbit", shared_cores=1)
    assert made.of_rows[0][1].compute_seconds == pytest.approx(600.0)
    assert "1 core that all machines share" in made.about


def test_from_the_seconds_on_one_machine(calibration):
    table = tabulate(sweeps.two_groups())
    made = predict_table(table, calibration, "1gbit", from_alone=True)
    for group, predicted in zip(table.groups, made.of_rows, strict=True):
        alone, five = group.rows[0].seconds_per_epoch.mean, predicted[1]
        assert predicted[0].seconds_per_epoch == pytest.approx(alone)
        assert five.compute_seconds == pytest.approx(alone / 5, rel=1e-3)
        assert five.exposed_communication_seconds > 50  # 120 steps of the link's time, as it was
    assert "from the measured seconds on one machine" in made.about


def test_strong_scaling_from_one_machine(calibration):
    """200 images a step: 1.8 s on one machine, and 1 s for 100 images on each of two."""
    values = read(calibration)
    steps = [dataclasses.replace(values.steps[1], seconds=1.8)]
    write(calibration, dataclasses.replace(values, steps=[values.steps[0], *steps]))
    points = [
        dataclasses.replace(sweeps.point(machines, 0, (540.0, 540.0)), images_per_step=200)
        for machines in (1, 2)
    ]
    made = predict_table(tabulate(sweeps.sweep(*points)), calibration, "1gbit", from_alone=True)
    assert made.of_rows[0][0].seconds_per_epoch == pytest.approx(540.0)
    assert made.of_rows[0][1].compute_seconds == pytest.approx(300.0)


def test_from_one_machine_where_there_is_none(calibration):
    points = [point for point in sweeps.two_groups().points if point.machines > 1]
    with pytest.raises(ConfigError, match="no finished point with one rank for .*; add 1 to its"):
        predict_table(tabulate(sweeps.sweep(*points)), calibration, "1gbit", from_alone=True)


@pytest.mark.parametrize("parameters", [1000, 8_215_567])
def test_a_calibration_of_another_model(calibration, parameters):
    points = [
        dataclasses.replace(point, parameters=parameters) for point in sweeps.two_groups().points
    ]
    words = f"calibrated with 8215568 parameters, but .* {parameters}"
    with pytest.raises(ConfigError, match=words):
        predict_table(tabulate(sweeps.sweep(*points)), calibration, "1gbit")


def test_ranks_with_parts_of_a_model(calibration):
    points = [dataclasses.replace(point, lane_groups=5) for point in sweeps.two_groups().points]
    with pytest.raises(ConfigError, match=r"divide the lanes of a model \(lane_groups 5\)"):
        predict_table(tabulate(sweeps.sweep(*points)), calibration, "1gbit")


def test_what_cannot_be_read(tmp_path, calibration):
    table = tabulate(sweeps.two_groups())
    with pytest.raises(RunError, match="cannot read the calibration"):
        predict_table(table, tmp_path / "none.json", "1gbit")
    with pytest.raises(ConfigError, match="network: expected one of"):
        predict_table(table, calibration, "1gbyte")
