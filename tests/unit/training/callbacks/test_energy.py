"""Energy of an epoch: hosts that do not tell, one reading per host."""

import types

from caps_hvd.distributed import comm
from caps_hvd.training.callbacks.energy import EnergyMeter


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
