"""Energy: counters that wrap, hosts that do not tell, one reading per host."""

import types

import pytest

from caps_hvd.distributed import comm
from caps_hvd.system.energy import EnergyMeter, GpuEnergy, counters


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


class Ticking:
    """A counter that is 1 J further at each reading."""

    def __init__(self):
        self.joules = 0

    def read(self):
        self.joules += 1
        return self.joules


def one_epoch(communicator, find):
    meter, logs = EnergyMeter(communicator, find), {}
    meter.on_train_begin()
    meter.on_epoch_begin(0)
    meter.on_train_batch_end(0)
    meter.on_epoch_end(0, logs)
    return logs.get("energy_joules")


def test_an_epoch_counts_from_its_begin_to_its_end():
    assert one_epoch(comm.init(), lambda: [Ticking(), Ticking()]) == 2


def test_without_counters_nothing_is_claimed():
    assert one_epoch(comm.init(), list) is None


def test_hosts_are_added_up_and_counted_once():
    def two_hosts(own):
        return [own, (1, None), (0, 5), (1, None)]

    communicator = types.SimpleNamespace(local_rank=0, allgather_object=two_hosts)
    assert one_epoch(communicator, lambda: [Ticking()]) == 6


def test_a_host_that_does_not_tell_leaves_the_sum_open():
    communicator = types.SimpleNamespace(
        local_rank=0, allgather_object=lambda own: [own, (0, None)]
    )
    assert one_epoch(communicator, lambda: [Ticking()]) is None
