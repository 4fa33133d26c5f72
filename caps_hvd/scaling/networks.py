"""Networks as the scale model sees them: a start-up time, a rate, and who copies the bytes."""

import dataclasses

from caps_hvd.errors import check_choice

# What is left of an Ethernet's rate for data: a frame of 1500 bytes carries 1448 besides the
# headers of IP and TCP with time stamps, and takes 1538 on the wire with preamble and gap.
_ETHERNET = 1448 / 1538


@dataclasses.dataclass(frozen=True)
class Network:
    """A link between two machines, each direction on its own.

    The seconds of a message of m bytes are `latency_seconds + m / bytes_per_second` (Hockney, "The
    communication challenge for MPP", Parallel Computing 20(3), 1994).

    Args:
        name: what it is called on the command line.
        latency_seconds: start-up time of a message, from one MPI call to the other.
        bytes_per_second: rate of the data, without headers.
        tcp: whether processors copy the bytes, as the kernel's TCP does; InfiniBand's adapters do
            it by themselves.

    Example:
        >>> NETWORKS["1gbit"].seconds(117_685_000)  # one second's worth of data, and 50 us
        1.00005...
    """

    name: str
    latency_seconds: float
    bytes_per_second: float
    tcp: bool

    def seconds(self, message_bytes: float) -> float:
        """Returns the seconds that one message takes."""
        return self.latency_seconds + message_bytes / self.bytes_per_second


def _ethernet(name: str, gbit: float, latency_seconds: float) -> Network:
    return Network(name, latency_seconds, gbit * 1e9 / 8 * _ETHERNET, tcp=True)


def _infiniband(name: str, gbit: float) -> Network:
    # Adapters reach about 97 % of the link's data rate, and a small message takes 1 to 2 us.
    return Network(name, 1.5e-6, gbit * 1e9 / 8 * 0.97, tcp=False)


NETWORKS = {
    network.name: network
    for network in (
        _ethernet("1gbit", 1, 50e-6),
        _ethernet("10gbit", 10, 20e-6),
        _ethernet("25gbit", 25, 15e-6),
        _ethernet("100gbit", 100, 12e-6),
        _infiniband("ib-fdr", 54.5),
        _infiniband("ib-edr", 100),
        _infiniband("ib-hdr", 200),
        _infiniband("ib-ndr", 400),
    )
}


def named(name: str) -> Network:
    """Returns the network of that name.

    Raises:
        ConfigError: there is none; the message lists them all.
    """
    check_choice("network", name, NETWORKS)
    return NETWORKS[name]
