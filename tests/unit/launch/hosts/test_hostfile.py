"""Host files: every form that people write, and every mistake, by its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caps_hvd.errors import ConfigError
from caps_hvd.launch.hosts.hostfile import (
    Host,
    machines,
    parse,
    parse_list,
    read,
    take,
    to_list,
    to_text,
)

HOSTFILES = Path(__file__).parents[4] / "hostfiles"

FORMS = """\
# the laboratory, first row
node1 slots=4            # Open MPI
node2:3

   node3  \t
node4 slots=2 max_slots=8
10.0.0.5 max-slots=2
"""


def test_reads_every_form():
    assert parse(FORMS) == (
        Host("node1", 4, 2),
        Host("node2", 3, 3),
        Host("node3", 1, 5),
        Host("node4", 2, 6),
        Host("10.0.0.5", 1, 7),
    )


# What schedulers and launchers write -> hosts with slots.
SCHEDULERS = {
    "PBS, LSF: a line for each slot": ("n1\nn1\nn2\nn1\n", "n1:3,n2:1"),
    "SGE": ("n1 4 all.q@n1 UNDEFINED\nn2 4 all.q@n2 0,1\n", "n1:4,n2:4"),
    "SGE, two queues": ("n1 4 a@n1 UNDEFINED\nn2 1 a@n2 <NULL>\nn1 2 b@n1 <NULL>\n", "n1:6,n2:1"),
    "SGE without a queue": ("n1 4 UNDEFINED UNDEFINED\n", "n1:4"),
    "a number alone": ("n1 4\nn2 8\n", "n1:4,n2:8"),
    "blanks": ("n1 slots = 4\nn2 slots= 8 max_slots =8\n", "n1:4,n2:8"),
    "what a host is made of": ("n1 boards=1 sockets=2 slots=4\nn2 cores = 8\n", "n1:4,n2:1"),
    "a range": ("n[08-10] slots=2\ngpu\n", "n08:2,n09:2,n10:2,gpu:1"),
    "several ranges": ("r[1-2]n[1,3].site:2\n", "r1n1.site:2,r1n3.site:2,r2n1.site:2,r2n3.site:2"),
    "addresses": ("10.0.0.[1-2]\n10.0.0.1\n", "10.0.0.1:2,10.0.0.2:1"),
    "names that begin with a number": ("0.a\n7up\n", "0.a:1,7up:1"),
}


@pytest.mark.parametrize("form", SCHEDULERS)
def test_reads_what_schedulers_write(form):
    text, expected = SCHEDULERS[form]
    assert to_list(parse(text)) == expected


def test_a_host_that_adds_up_is_called_by_its_first_line():
    assert parse("\nN1\nn1\n") == (Host("N1", 2, 2),)


def test_reads_files_of_other_editors(tmp_path):
    file = tmp_path / "host's file"
    file.write_bytes(b"\xef\xbb\xbfnode1 slots=4\r\nnode2\r\n\r\n")
    assert read(file) == (Host("node1", 4, 1), Host("node2", 1, 2))


def test_reads_a_list():
    assert parse_list("h1:2, h2,h3:1") == (Host("h1", 2), Host("h2", 1), Host("h3", 1))
    assert to_list(parse_list("n[1-2,4]:2,h1,h1")) == "n1:2,n2:2,n4:2,h1:2"


def test_writes_what_launchers_take():
    hosts = parse(FORMS)
    assert to_list(hosts) == "node1:4,node2:3,node3:1,node4:2,10.0.0.5:1"
    assert to_text(hosts[:3]) == "node1 slots=4\nnode2 slots=3\nnode3 slots=1\n"


MISTAKES = {
    "a slots=0": "slots: expected an integer from 1 to 999999, received '0'",
    "a:0": "slots: expected an integer from 1 to 999999, received '0'",
    "a slots=": "slots: expected an integer from 1 to 999999, received ''",
    "a slots=-2": "slots: expected an integer from 1 to 999999, received '-2'",
    "a slots=4x": "slots: expected an integer from 1 to 999999, received '4x'",
    "a slots=٤": "slots: expected an integer from 1 to 999999, received '٤'",
    "a slots=99999999": "slots: expected an integer from 1 to 999999",
    "a:2 slots=2": "slots is given twice",
    "a slots=4 max_slots=2": "max_slots: expected at least slots=4, received 2",
    "a b c": "expected slots=NUMBER after the host name, received 'b'",
    "a cpus=4": "expected slots=NUMBER after the host name, received 'cpus=4'",
    "node1 slots=2": "host node1 is there already in line 1",
    "NODE1:2": "host NODE1 is there already in line 1",
    "a 4 b 4": "expected slots=NUMBER after the host name, received '4'",
    "a 0": "slots: expected an integer from 1 to 999999, received '0'",
    "a:2 4": "slots is given twice",
    "a slots = x": "slots: expected an integer from 1 to 999999, received 'x'",
    "a sockets=0": "sockets: expected an integer from 1 to 999999, received '0'",
    "a username=me": "expected slots=NUMBER after the host name, received 'username=me'",
    "10.0.0.300": "expected an address of four numbers from 0 to 255, or a name with a letter",
    "10.0.0": "expected an address of four numbers from 0 to 255",
    "10.0.0.1.5 slots=2": "expected an address of four numbers from 0 to 255",
    "10.0.0.[254-256]": "received '10.0.0.256'",
    "17": "expected an address of four numbers",
    "node[1-4": "expected a range such as node[01-15] or node[1,3-5], received 'node[1-4'",
    "node[4-1]": "expected a range such as",
    "node[a-c]": "expected a range such as",
    "node[]": "expected a range such as",
    "node[1-999999999]": "expected a range such as",
    "n[1-999][1-999]": "expected a range such as",
    "node[1-3,2]": "node[1-3,2] names node2 twice; leave one out",
    "-oProxyCommand=id": "expected a host name",
    "--help": "expected a host name",
    "h1;rm": "expected a host name",
    "$(id)": "expected a host name",
    "`id`": "expected a host name",
    "h1,h2": "received 'h1,h2'; write one host per line",
    "root@h1": "belong into ~/.ssh/config",
    "a/b": "expected a host name",
    "a'b": "expected a host name",
    "[::1]": "give the address a name in /etc/hosts, and write that",
    "fe80::1%eth0 slots=2": "received 'fe80::1%eth0'; give the address a name in /etc/hosts",
    "nöde": "expected a host name",
    "a.": "expected a host name",
    "+e0": "expected a host name",
    "x" * 300: "expected a host name",
}


@pytest.mark.parametrize("line", MISTAKES, ids=lambda line: line[:20])
def test_names_the_line_of_a_mistake(line):
    with pytest.raises(ConfigError) as caught:
        parse(f"node1\n\n{line}\n", "my lab")
    message = str(caught.value)
    assert message.startswith("my lab: line 3: ")
    assert MISTAKES[line] in message
    assert ";" in message and "\n" not in message


@pytest.mark.parametrize("text", ["", "\n\n", "# h1 slots=1\n"])
def test_refuses_a_file_without_hosts(text):
    with pytest.raises(ConfigError, match="^lab: no host in it; expected lines such as"):
        parse(text, "lab")


LIST_MISTAKES = {
    "": "expected hosts such as h1:4,h2:4, received ''; name one",
    " , ": "expected hosts such as h1:4,h2:4, received ' , '; name one",
    "h1,,h2": "expected a host on both sides of every comma, received 'h1,,h2'; remove a comma",
    "h1:2,": "expected a host on both sides of every comma, received 'h1:2,'; remove a comma",
    "h1:2:3": "slots: expected an integer",
    "h1 h2": "received 'h1 h2'; put a comma between two hosts",
    "h1:2,H1": "host H1 is there already",
    "node[1-2,4": "expected a range such as",
    "10.0.0.300:2": "received '10.0.0.300'; correct it",
    "h1:0": "slots: expected an integer",
    "-x": "expected a host name",
    "2001:db8::1": "give the address a name in /etc/hosts",
    "[2001:db8::1]:4": "give the address a name in /etc/hosts",
}


@pytest.mark.parametrize("text", LIST_MISTAKES)
def test_refuses_a_list(text):
    with pytest.raises(ConfigError, match="^-H: ") as caught:
        parse_list(text)
    assert LIST_MISTAKES[text] in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="lab: cannot read the host file: No such file"):
        read(tmp_path / "lab")
    (tmp_path / "binary").write_bytes(b"\x7fELF\xff\xfe")
    with pytest.raises(ConfigError, match="binary: not a host file: expected text"):
        read(tmp_path / "binary")


def test_takes_the_first_slots():
    hosts = parse_list("a:2,b:4,c")
    assert to_list(take(hosts, 1)) == "a:1"
    assert to_list(take(hosts, 2)) == "a:2"
    assert to_list(take(hosts, 3)) == "a:2,b:1"
    assert to_list(take(hosts, 7)) == "a:2,b:4,c:1"


def test_refuses_more_ranks_than_slots():
    with pytest.raises(ConfigError) as caught:
        take(parse("a slots=2\nb"), 15, "hostfiles/lab")
    assert str(caught.value) == (
        "hostfiles/lab: 15 ranks but 3 slots on 2 hosts; ask for at most 3, or raise slots="
    )
    with pytest.raises(ConfigError, match="ask for at most 3, or give a host more, as b:4$"):
        take(parse_list("a:2,b"), 4)
    with pytest.raises(ConfigError, match="ranks: expected an integer of at least 1, received 0"):
        take(parse_list("a"), 0)


def test_takes_the_first_machines():
    hosts = parse_list("a:2,b:4,c")
    assert to_list(machines(hosts, 2)) == "a:2,b:4"
    with pytest.raises(ConfigError, match="^lab: 4 machines asked for, but there are 3 hosts;"):
        machines(hosts, 4, "lab")
    with pytest.raises(ConfigError, match="machines: expected an integer of at least 1"):
        machines(hosts, 0)


names = st.from_regex(r"[a-z]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
host_sets = st.dictionaries(names, st.integers(1, 64), min_size=1, max_size=20)


@given(host_sets)
def test_reads_what_it_writes(slots):
    hosts = tuple(Host(name, count) for name, count in slots.items())
    assert parse_list(to_list(hosts)) == hosts
    assert [(host.name, host.slots) for host in parse(to_text(hosts))] == list(slots.items())


@given(st.text(max_size=80))
def test_any_text_is_hosts_or_one_line(text):
    try:
        hosts = parse(text)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert all(host.slots >= 1 for host in hosts)


COMMITTED = {"localhost": (1, 2), "lab15": (15, 15), "lab20": (20, 20), "uneven": (4, 15)}


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_files(name):
    hosts = read(HOSTFILES / name)
    assert (len(hosts), sum(host.slots for host in hosts)) == COMMITTED[name]
    assert "#" in (HOSTFILES / name).read_text()
