"""Host files: the machines that take part, each with its slots.

One reader for the forms that people and schedulers have, and one writer for what launchers want:

    # a comment, alone or behind a host
    node1 slots=4                     Open MPI's form, with or without blanks around =; max_slots=8
                                      may follow, sockets=2 and boards=1 are read over
    node2:4                           the form of `-H`
    node3                             one slot; again: one more, as PBS and LSF write them
    node4 4 queue@node4 UNDEFINED     SGE's form
    node[05-15] slots=2               a range: eleven hosts with two slots each

A slot is a place for one rank. A host without a number has one: mpirun would take one for each of
its cores, and horovodrun would refuse the line, so what is written here says the number always.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.errors import ConfigError
from caps_hvd.launch.hosts.host_range import expand, split_list

# What RFC 1123 allows, and the underscore that laboratories like. Nothing that a shell, ssh or
# mpirun could take for something else: no leading dash, no `user@`, no blank, no semicolon.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NUMBER = re.compile(r"[0-9]{1,6}")
# Digits and dots alone are never a name: they are an address, or a mistake in one.
_ADDRESS = re.compile(r"[0-9.]+")
# SGE's third word: a queue, or what stands for none.
_QUEUE = re.compile(r"@|^<?(UNDEFINED|NULL|NONE)>?$")
# Open MPI's other keys: what a host is made of, which decides no slots here.
_READ_OVER = ("sockets", "boards", "cores", "sockets_per_board", "cores_per_socket")


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


def read(path, what: str = "") -> tuple[Host, ...]:
    """Reads a host file in any of the forms above.

    Args:
        path: of the file.
        what: where the path comes from, such as the name of a variable, for messages.

    Raises:
        ConfigError: the file cannot be read, or a line of it cannot be used; the message names the
            line and what to do.

    Example:
        >>> read("hostfiles/lab15")[0]
        Host(name='h1', slots=1, line=13)
    """
    where = f"{what}: {path}" if what else str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{where}: cannot read the host file: {error.strerror}; name a file with "
            "one host per line"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: not a host file: expected text, one host per line") from None
    return parse(text, where)


def parse(text: str, where: str = "host file") -> tuple[Host, ...]:
    """The hosts in the text of a host file.

    Args:
        text: lines as above.
        where: what to call it in an error, such as the file's path.

    Raises:
        ConfigError: as `read`.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.sub(r"\s*=\s*", "=", line.partition("#")[0]).split()
        if words:
            entries += _entries(words, number, f"{where}: line {number}")
    return _hosts(entries, where)


def parse_list(text: str, where: str = "-H") -> tuple[Host, ...]:
    """The hosts in a list as `mpirun -H` and `horovodrun -H` take it, and Slurm's lists of nodes.

    Raises:
        ConfigError: an entry cannot be used.

    Example:
        >>> parse_list("h1:2,h2")
        (Host(name='h1', slots=2, line=0), Host(name='h2', slots=1, line=0))
    """
    words = [word.strip() for word in split_list(text)]
    if not any(words):
        raise ConfigError(f"{where}: expected hosts such as h1:4,h2:4, received {text!r}; name one")
    if "" in words:
        raise ConfigError(
            f"{where}: expected a host on both sides of every comma, received {text!r}; remove a "
            "comma"
        )
    return _hosts([entry for word in words for entry in _entries([word], 0, where)], where)


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


@dataclasses.dataclass(frozen=True)
class _Entry:
    """What a line says of a host; `counted` where several lines of a host add up."""

    host: Host
    counted: bool


def _entries(words, line, where) -> list[_Entry]:
    """The hosts of a line; several where its name is a range."""
    if _is_ipv6(words[0]):
        raise ConfigError(_no_name(words[0], where))
    name, colon, number = words[0].partition(":")
    values = {"slots": number} if colon else {}
    counted = not colon
    for position, word in enumerate(words[1:], start=1):
        key, equals, value = word.partition("=")
        key = key.replace("-", "_")
        if position == 1 and word.isdecimal() and _is_scheduler_form(words):
            key, value = "slots", word
        elif equals and key in ("slots", "max_slots", *_READ_OVER):
            counted = False
        else:
            raise ConfigError(
                f"{where}: expected slots=NUMBER after the host name, received {word!r}; "
                "write one host per line"
            )
        if key in values:
            raise ConfigError(f"{where}: {key} is given twice; keep one of them")
        values[key] = value
        if counted:
            break  # SGE's queue and processors
    numbers = {key: _number(key, value, where) for key, value in values.items()}
    slots = numbers.get("slots", 1)
    if numbers.get("max_slots", slots) < slots:
        raise ConfigError(
            f"{where}: max_slots: expected at least slots={slots}, received "
            f"{numbers['max_slots']}; raise it or leave it out"
        )
    names = expand(name, where)
    for each in names:
        _check_name(each, where)
    return [_Entry(Host(each, slots, line), counted) for each in names]


def _is_scheduler_form(words) -> bool:
    """Whether a line is a host and its slots, alone or with SGE's queue and processors."""
    return len(words) == 2 or (len(words) <= 4 and bool(_QUEUE.search(words[2])))


def _check_name(name, where) -> None:
    if _ADDRESS.fullmatch(name):
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise ConfigError(
                f"{where}: expected an address of four numbers from 0 to 255, or a name with a "
                f"letter in it, received {name!r}; correct it"
            ) from None
    elif not _NAME.fullmatch(name):
        raise ConfigError(_no_name(name, where))


def _no_name(text, where) -> str:
    if _is_ipv6(text):
        advice = "give the address a name in /etc/hosts, and write that"
    elif "," in text:
        advice = "write one host per line"
    elif " " in text:
        advice = "put a comma between two hosts"
    else:
        advice = "user names, ports and jump hosts belong into ~/.ssh/config"
    return (
        f"{where}: expected a host name of letters, digits, dots, dashes, received {text!r}; "
        f"{advice}"
    )


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


def _hosts(entries, where) -> tuple[Host, ...]:
    """The hosts of all entries, each once, in the order in which they come first."""
    if not entries:
        raise ConfigError(f"{where}: no host in it; expected lines such as `node1 slots=4`")
    found: dict[str, _Entry] = {}
    for entry in entries:
        host = entry.host
        before = found.setdefault(host.name.lower(), entry)
        if before is entry:
            continue
        if not (entry.counted and before.counted):
            here = f"line {host.line}: " if host.line else ""
            there = f" in line {before.host.line}" if host.line else ""
            raise ConfigError(
                f"{where}: {here}host {host.name} is there already{there}; "
                "keep one of them and add up their slots"
            )
        slots = before.host.slots + host.slots
        found[host.name.lower()] = _Entry(dataclasses.replace(before.host, slots=slots), True)
    return tuple(entry.host for entry in found.values())


def _count(number, noun) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
