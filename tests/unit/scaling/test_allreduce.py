"""All-reduces on networks whose figures can be multiplied in the head."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.scaling.allreduce import (
    AllReduceCost,
    Cluster,
    Processor,
    algorithm,
    hierarchical,
    rabenseifner,
    ring,
)
from caps_hvd.scaling.networks import NETWORKS, Network, named

# 100 bytes per second, half a second to start a message.
SLOW = Network("slow", 0.5, 100.0, tcp=True)
MEMORY = Network("memory", 0.0, 400.0, tcp=False)
CPU = Processor(add_seconds_per_byte=0.01, copy_seconds_per_byte=0.002)


def test_ring_of_4_ranks():
    cost = ring(400, Cluster(4, SLOW, processor=CPU))
    # 6 messages of 100 bytes: 6 x (0.5 + 1); 3 x 100 bytes added; 6 x 100 bytes copied.
    assert cost.wire_seconds == pytest.approx(9.0)
    assert cost.add_seconds == pytest.approx(3.0)
    assert cost.core_seconds == cost.rank_core_seconds == pytest.approx(3.0 + 1.2)
    assert cost.seconds() == pytest.approx(12.0)
    assert cost.seconds(cores=0.1) == pytest.approx(42.0)  # 4.2 core-seconds on a tenth of one


def test_a_ring_over_two_ranks_per_machine_crosses_the_link_once():
    cost = ring(400, Cluster(2, SLOW, ranks_per_machine=2, processor=CPU))
    assert cost.wire_seconds == pytest.approx(9.0)
    assert cost.core_seconds == pytest.approx(2 * 4.2)


def test_hierarchical_2_by_2():
    cost = hierarchical(400, Cluster(2, SLOW, ranks_per_machine=2, processor=CPU, memory=MEMORY))
    # Inside: 2 messages of 200 bytes at 400/s. Outside: 2 messages of 200 bytes: 2 x (0.5 + 2).
    assert cost.wire_seconds == pytest.approx(1.0 + 5.0)
    # Inside each rank adds 200 bytes; outside 200 more, shared by the two.
    assert cost.add_seconds == pytest.approx(2.0 + 1.0)
    # Of the machine: 2 x 200 added inside, 200 outside; 400 copied outside, none in memory.
    assert cost.core_seconds == pytest.approx(4.0 + 2.0 + 0.8)


def test_hierarchical_with_one_rank_each_is_the_ring():
    assert hierarchical(400, Cluster(4, SLOW, processor=CPU)) == ring(
        400, Cluster(4, SLOW, processor=CPU)
    )


def test_rabenseifner_pays_for_ranks_that_are_no_power_of_two():
    # 4 ranks: 4 messages, 2 x 3/4 x 400 bytes.
    assert rabenseifner(400, Cluster(4, SLOW)).wire_seconds == pytest.approx(4 * 0.5 + 6.0)
    # 5 ranks: 3 messages and 800 bytes more.
    assert rabenseifner(400, Cluster(5, SLOW)).wire_seconds == pytest.approx(7 * 0.5 + 14.0)


def test_rdma_costs_no_copies():
    adapter = Network("adapter", 0.0, 100.0, tcp=False)
    assert ring(400, Cluster(4, adapter, processor=CPU)).core_seconds == pytest.approx(3.0)


@pytest.mark.parametrize("name", ["auto", "ring", "hierarchical", "rabenseifner"])
def test_one_rank_reduces_nothing(name):
    assert algorithm(name)(400, Cluster(1, SLOW, processor=CPU)) == AllReduceCost(0, 0, 0, 0)


def test_auto_takes_the_faster_one():
    # Between machines nothing is slow but starting: fewer stations win.
    keywords = {"ranks_per_machine": 8, "memory": MEMORY}
    starting = Network("starting", 1.0, 1e9, tcp=False)
    assert algorithm("auto")(400, Cluster(4, starting, **keywords)) == hierarchical(
        400, Cluster(4, starting, **keywords)
    )
    flat = Network("flat", 0.0, 100.0, tcp=False)
    slow_memory = {"ranks_per_machine": 8, "memory": Network("disk", 0.0, 1.0, tcp=False)}
    assert algorithm("auto")(400, Cluster(4, flat, **slow_memory)) == ring(
        400, Cluster(4, flat, **slow_memory)
    )


def test_unknown_names_are_one_line():
    with pytest.raises(ConfigError, match="algorithm: expected one of auto, ring"):
        algorithm("tree")
    with pytest.raises(ConfigError, match="network: .*ib-hdr.*'10gbi'; did you mean '10gbit'"):
        named("10gbi")


def test_networks_are_in_data_bytes():
    # 1448 of the 1538 bytes that a full frame takes.
    assert NETWORKS["1gbit"].bytes_per_second == pytest.approx(117.685e6, rel=1e-5)
    assert NETWORKS["1gbit"].seconds(117.685e6) == pytest.approx(1.00005, rel=1e-5)
    assert NETWORKS["ib-hdr"].bytes_per_second == pytest.approx(24.25e9)
