"""Costs of an all-reduce: on the wire, in reductions, and of the processors' time.

    n   ranks, on `machines` machines        a   start-up time of a message     (Hockney's alpha)
    m   bytes that each rank brings          b   seconds per byte on the wire   (Hockney's beta)
                                             g   seconds to add one byte to another

**Ring** (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
workstations", J. Parallel Distrib. Comput. 69(2), 2009; what Horovod is named for).  In n - 1 steps
every rank sends one n-th of its data to the next rank and adds what it received; in n - 1 more the
sums go round:

    2 (n - 1) a  +  2 (n - 1)/n m b  +  (n - 1)/n m g

The ring visits the ranks of one machine one after the other, so the machine's link carries the
stream of one rank, however many there are.

**Hierarchical** (Jia et al., "Highly scalable deep learning training system with mixed-precision",
arXiv:1807.11205, section 3.3; Horovod's HOROVOD_HIERARCHICAL_ALLREDUCE).  The r ranks of a machine
scatter their sum among themselves in memory, ranks of equal place ring over the machines with one
r-th of the data each, all at once over the machine's link, and what comes back is gathered in
memory: two rings, the one inside on m bytes, the one outside on m bytes too, but of `machines`
stations.

**Rabenseifner** (R. Rabenseifner, "Optimization of collective reduction operations", ICCS 2004),
which Open MPI from 4.1 takes by itself for large data.  p, the largest power of two up to n,
ranks halve and double; where n is no power of two, n - p ranks first give their data to a
neighbour (two messages of m/2) and at the end receive the whole result (m):

    2 log2(p) a + 2 (p - 1)/p m b + (p - 1)/p m g      and if n > p      3 a + 2 m b + m/2 g
"""

import dataclasses
import math

from caps_hvd.errors import check_choice
from caps_hvd.scaling.networks import Network


@dataclasses.dataclass(frozen=True)
class Processor:
    """A core: what moving and adding bytes costs it.

    Args:
        add_seconds_per_byte: to add one byte of float32 to another.
        copy_seconds_per_byte: to send one byte by TCP and receive another, kernel included.
    """

    add_seconds_per_byte: float = 0.0
    copy_seconds_per_byte: float = 0.0


@dataclasses.dataclass(frozen=True)
class AllReduceCost:
    """Seconds that one all-reduce costs, on the wire and of the processors' time.

    Args:
        wire_seconds: start-up times and transfers.
        add_seconds: local reductions of one rank, in which its link is idle.
        core_seconds: processor time on one machine, of all its ranks: copies and reductions.
        rank_core_seconds: that of one rank, which one thread must do.
    """

    wire_seconds: float
    add_seconds: float
    core_seconds: float
    rank_core_seconds: float

    def seconds(self, cores: float = math.inf) -> float:
        """Returns the seconds where the ranks of a machine have `cores` cores to communicate with.

        The wire and the processors work at the same time, so the slower one decides.
        """
        return max(
            self.wire_seconds + self.add_seconds,
            self.rank_core_seconds,
            self.core_seconds / cores,
        )


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The ranks of an all-reduce: their machines, and what connects them.

    Args:
        machines: 1 or more.
        network: between the machines.
        ranks_per_machine: 1 or more.
        processor: the cost of copies and reductions.
        memory: between ranks of one machine; decides where there is one machine only. Default:
            the network.
    """

    machines: int
    network: Network
    ranks_per_machine: int = 1
    processor: Processor = Processor()
    memory: Network | None = None

    @property
    def ranks(self) -> int:
        return self.machines * self.ranks_per_machine

    @property
    def link(self) -> Network:
        """What a ring through all ranks waits for."""
        return self.network if self.machines > 1 else self.memory or self.network

    def cost(self, *, wire_seconds, added_bytes, sent_bytes) -> AllReduceCost:
        """Returns the cost where each rank adds and sends as many bytes."""
        add_seconds = added_bytes * self.processor.add_seconds_per_byte
        copies = sent_bytes * self.processor.copy_seconds_per_byte if self.link.tcp else 0.0
        own = add_seconds + copies
        return AllReduceCost(wire_seconds, add_seconds, self.ranks_per_machine * own, own)


def ring(message_bytes: float, cluster: Cluster) -> AllReduceCost:
    """Returns the cost of a ring through all ranks.

    Args:
        message_bytes: that each rank brings.
        cluster: of the ranks.

    Example:
        >>> flat = Network("flat", 0.0, 100.0, tcp=False)
        >>> ring(400, Cluster(4, flat)).wire_seconds  # 2 * 3 messages of 100 bytes
        6.0
    """
    part, steps = message_bytes / cluster.ranks, cluster.ranks - 1
    return cluster.cost(
        wire_seconds=2 * steps * cluster.link.seconds(part),
        added_bytes=steps * part,
        sent_bytes=2 * steps * part,
    )


def hierarchical(message_bytes: float, cluster: Cluster) -> AllReduceCost:
    """Returns the cost of rings in and over machines; see above, arguments as for `ring`."""
    inside = ring(message_bytes, dataclasses.replace(cluster, machines=1))
    outside = ring(message_bytes, dataclasses.replace(cluster, ranks_per_machine=1))
    ranks = cluster.ranks_per_machine
    return AllReduceCost(
        wire_seconds=inside.wire_seconds + outside.wire_seconds,
        add_seconds=inside.add_seconds + outside.add_seconds / ranks,
        core_seconds=inside.core_seconds + outside.core_seconds,
        rank_core_seconds=inside.rank_core_seconds + outside.core_seconds / ranks,
    )


def rabenseifner(message_bytes: float, cluster: Cluster) -> AllReduceCost:
    """Returns the cost of halving and doubling over all ranks; arguments as for `ring`.

    With several ranks per machine their messages share its link.

    Example:
        >>> flat = Network("flat", 0.0, 100.0, tcp=False)
        >>> [rabenseifner(400, Cluster(machines, flat)).wire_seconds for machines in (4, 5)]
        [6.0, 14.0]
    """
    ranks, link = cluster.ranks, cluster.link
    power = 1 << (ranks.bit_length() - 1)
    halved = message_bytes * (power - 1) / power
    messages, sent, added = 2 * math.log2(power), 2 * halved, halved
    mean_sent = sent * power / ranks
    if ranks > power:
        messages, sent, added = messages + 3, sent + 2 * message_bytes, added + message_bytes / 2
        # A pair sends two halves, half a sum and a whole result.
        mean_sent += (ranks - power) / ranks * 2.5 * message_bytes
    shared = cluster.ranks_per_machine if cluster.machines > 1 else 1
    return cluster.cost(
        wire_seconds=messages * link.latency_seconds + shared * sent / link.bytes_per_second,
        added_bytes=added,
        sent_bytes=mean_sent,
    )


def faster(message_bytes: float, cluster: Cluster) -> AllReduceCost:
    """Returns the cost of ring or hierarchical, whichever is faster; arguments as for `ring`."""
    both = (each(message_bytes, cluster) for each in (ring, hierarchical))
    return min(both, key=AllReduceCost.seconds)


ALGORITHMS = {
    "auto": faster,
    "ring": ring,
    "hierarchical": hierarchical,
    "rabenseifner": rabenseifner,
}


def algorithm(name: str):
    """Returns the function of an algorithm; `auto` is the faster one of ring and hierarchical.

    Raises:
        ConfigError: there is no algorithm of that name.
    """
    check_choice("algorithm", name, ALGORITHMS)
    return ALGORITHMS[name]
