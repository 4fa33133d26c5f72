"""The figures of Distributed CapsNet are quoted as it published them."""

import pytest

from caps_hvd.report.published import distributed_capsnet


def test_seconds_per_epoch_of_each_set_up():
    assert [each.seconds_per_epoch for each in distributed_capsnet.SET_UPS] == [
        {1: 610.0, 5: 184.4, 15: 88.0},
        {1: 390.0, 15: 60.0},
        {},
    ]
    assert [each.name for each in distributed_capsnet.SET_UPS] == [
        "Distributed CapsNet, set-up 1: CPU, all-reduce on CPU",
        "Distributed CapsNet, set-up 2: GPU, all-reduce on CPU",
        "Distributed CapsNet, set-up 3: GPU, all-reduce on GPU (NCCL)",
    ]


def test_speed_up_and_efficiency_follow():
    """88 s on 15 machines is 6.9 x: 46 % efficiency."""
    cpu, gpu, _ = distributed_capsnet.SET_UPS
    assert cpu.points[1].speed_up == 1.0
    assert cpu.points[5].speed_up == pytest.approx(3.308, abs=5e-4)
    assert cpu.points[15].speed_up == pytest.approx(6.932, abs=5e-4)
    assert cpu.points[15].efficiency == pytest.approx(0.4621, abs=5e-5)
    assert gpu.points[15].speed_up == pytest.approx(6.5)
    assert gpu.points[15].efficiency == pytest.approx(0.4333, abs=5e-5)


def test_accuracies():
    assert [(a.machines, a.epochs, a.mean, a.best) for a in distributed_capsnet.ACCURACIES] == [
        (None, 100, 0.9965, 0.997),
        (5, 5, 0.9925, None),
        (15, 5, 0.986, None),
    ]
