"""Energy counters: processors whose counters start again, GPUs, machines without any."""

import types

import pytest

from caps_hvd.system.energy import GpuEnergy, counters


@pytest.fixture
def powercap(tmp_path):
    def write(name, microjoules):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "max_energy_range_uj").write_text("9999999\n")
        (folder / "energy_uj").write_text(f"{microjoules}\n")

    write.path = tmp_path
    return write


def test_packages_are_read_and_their_parts_are_not(powercap):
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "intel-rapl-mmio:0"):
        powercap(name, 1_000_000)
    found = counters(powercap.path)
    powercap("intel-rapl:0", 3_500_000)
    assert [counter.read() for counter in found] == [2.5, 0.0]


def test_a_counter_that_starts_again_goes_on(powercap):
    powercap("intel-rapl:0", 9_000_000)
    (counter,) = counters(powercap.path)
    powercap("intel-rapl:0", 500_000)  # 10,000,000 values from 0 to 9,999,999
    assert counter.read() == 1.5
    powercap("intel-rapl:0", 400_000)
    assert counter.read() == pytest.approx(11.4)


def test_a_machine_without_counters_has_none(tmp_path):
    assert counters(tmp_path / "nothing") == []


def test_a_gpu_counts_from_its_first_reading():
    readings = iter([5_000, 7_250])
    nvml = types.SimpleNamespace(
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(readings),
    )
    assert GpuEnergy(nvml, 0).read() == 2.25
