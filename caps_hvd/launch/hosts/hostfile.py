"""Host files: the machines that take part, each with its slots.

One reader for the forms that people have, and one writer for what launchers want:

    # a comment, alone or behind a host
    node1 slots=4            Open MPI's form; max_slots=8 may follow
    node2:4                  the form of `-H`
    node3                    one slot

A slot is a place for one rank. A host without a number has one: mpirun would take one for each of
its cores, and horovodrun would refuse the line, so what is written here says the number always.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.errors import ConfigError

# What RFC 1123 allows, and the underscore that laboratories like. Nothing that a shell, ssh or
# mpirun could take for something else: no leading dash, no `user@`, no blank, no semicolon.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclasses.dataclass(frozen=True)
class Host:
    """A machine that takes part.

    Args:
        name: host name or IPv4 address.
        slots: ranks that it takes, >= 1.
        line: where it stands in its file, for messages; 0: not from a file.
    """

    name: str
    slots: int = 1
    line: int = 0


def read(path) -> tuple[Host, ...]:
    """Reads a host file in any of the forms above.

    Raises:
        ConfigError: the file cannot be read, or a line of it cannot be used; the message names the
            line and what to do.

    Example:
        >>> read("hostfiles/lab15")[0]
        Host(name='h1', slots=1, line=13)
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the host file: {error.strerror}; name a file with "
            "one host per line"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a host file: expected text, one host per line") from None
    return parse(text, str(path))


def parse(text: str, where: str = "host file") -> tuple[Host, ...]:
    """The hosts in the text of a host file.

    Args:
        text: lines as above.
        where: what to call it in an error, such as the file's path.

    Raises:
        ConfigError: as `read`.
    """
    hosts = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            hosts.append(_host(words, number, f"{where}: line {number}"))
    return _distinct(hosts, where)


def parse_list(text: str, where: str = "-H") -> tuple[Host, ...]:
    """The hosts in a list as `mpirun -H` and `horovodrun -H` take it.

    Raises:
        ConfigError: an entry cannot be used.

    Example:
        >>> parse_list("h1:2,h2")
        (Host(name='h1', slots=2, line=0), Host(name='h2', slots=1, line=0))
    """
    entries = [entry.strip() for entry in text.split(",")]
    if not any(entries):
        raise ConfigError(f"{where}: expected hosts such as h1:4,h2:4, received {text!r}; name one")
    if "" in entries:
        raise ConfigError(
            f"{where}: expected a host on both sides of every comma, received {text!r}; remove a "
            "comma"
        )
    return _distinct([_host([entry], 0, where) for entry in entries], where)


def take(hosts: Sequence[Host], ranks: int, where: str = "hosts") -> tuple[Host, ...]:
    """The first slots, host by host, for that many ranks.

    Args:
        hosts: what there is.
        ranks: places needed, >= 1.
        where: what to call the hosts in an error, such as the file's path.

    Returns:
        The hosts that are needed, each with the slots that are needed of it.

    Raises:
        ConfigError: there are fewer slots than ranks.

    Example:
        >>> take(parse_list("h1:2,h2:4"), 3)
        (Host(name='h1', slots=2, line=0), Host(name='h2', slots=1, line=0))
    """
    if ranks < 1:
        raise ConfigError(f"ranks: expected an integer of at least 1, received {ranks}")
    taken, left = [], ranks
    for host in hosts:
        slots = min(host.slots, left)
        left -= slots
        if slots:
            taken.append(dataclasses.replace(host, slots=slots))
    if left:
        there, last = ranks - left, hosts[-1]
        more = "raise slots=" if last.line else f"give a host more, as {last.name}:{ranks}"
        raise ConfigError(
            f"{where}: {_count(ranks, 'rank')} but {_count(there, 'slot')} on "
            f"{_count(len(hosts), 'host')}; ask for at most {there}, or {more}"
        )
    return tuple(taken)


def machines(hosts: Sequence[Host], count: int, where: str = "hosts") -> tuple[Host, ...]:
    """The first `count` hosts, with all their slots.

    Raises:
        ConfigError: there are fewer hosts.
    """
    if count < 1:
        raise ConfigError(f"machines: expected an integer of at least 1, received {count}")
    if count > len(hosts):
        raise ConfigError(
            f"{where}: {_count(count, 'machine')} asked for, but there "
            f"{'is' if len(hosts) == 1 else 'are'} {_count(len(hosts), 'host')}; ask for fewer, or "
            "add hosts"
        )
    return tuple(hosts[:count])


def to_list(hosts: Sequence[Host]) -> str:
    """The hosts as `mpirun -H` and `horovodrun -H` take them: `h1:1,h2:4`."""
    return ",".join(f"{host.name}:{host.slots}" for host in hosts)


def to_text(hosts: Sequence[Host]) -> str:
    """The hosts as a file in Open MPI's form, which mpirun and horovodrun both read."""
    return "".join(f"{host.name} slots={host.slots}\n" for host in hosts)


def _host(words, line, where) -> Host:
    name, colon, number = words[0].partition(":")
    if not _NAME.fullmatch(name) or _is_ipv6(words[0]):
        raise ConfigError(
            f"{where}: expected a host name of letters, digits, dots, dashes, received "
            f"{words[0]!r}; {_advice(words[0])}"
        )
    values = {"slots": number} if colon else {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        key = key.replace("-", "_")
        if not equals or key not in ("slots", "max_slots"):
            raise ConfigError(
                f"{where}: expected slots=NUMBER after the host name, received {word!r}; "
                "write one host per line"
            )
        if key in values:
            raise ConfigError(f"{where}: {key} is given twice; keep one of them")
        values[key] = value
    numbers = {key: _number(key, value, where) for key, value in values.items()}
    slots = numbers.get("slots", 1)
    if numbers.get("max_slots", slots) < slots:
        raise ConfigError(
            f"{where}: max_slots: expected at least slots={slots}, received "
            f"{numbers['max_slots']}; raise it or leave it out"
        )
    return Host(name, slots, line)


def _advice(text) -> str:
    """What to write in place of something that is no host name."""
    if _is_ipv6(text):
        return "give the address a name in /etc/hosts, and write that"
    if "[" in text or "]" in text:
        return "list a range host by host, as `scontrol show hostnames RANGE` prints it"
    if "," in text:
        return "write one host per line"
    if " " in text:
        return "put a comma between two hosts"
    return "user names, ports and jump hosts belong into ~/.ssh/config"


def _is_ipv6(text) -> bool:
    """Whether it is an address such as `fe80::1` or `[::1]:4`."""
    address = text[1:].partition("]")[0] if text.startswith("[") else text
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _number(key, value, where) -> int:
    if not _NUMBER.fullmatch(value) or int(value) == 0:
        raise ConfigError(
            f"{where}: {key}: expected an integer from 1 to 999999, received {value!r}; "
            "remove a host that is to take no rank"
        )
    return int(value)


def _distinct(hosts, where) -> tuple[Host, ...]:
    if not hosts:
        raise ConfigError(f"{where}: no host in it; expected lines such as `node1 slots=4`")
    first = {}
    for host in hosts:
        name = host.name.lower()
        if name in first:
            here = f"line {host.line}: " if host.line else ""
            before = f" in line {first[name].line}" if host.line else ""
            raise ConfigError(
                f"{where}: {here}host {host.name} is there already{before}; "
                "keep one of them and add up their slots"
            )
        first[name] = host
    return tuple(hosts)


def _count(number, noun) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
