"""Fifteen hosts with an sshd each, on links of 1 Gbit/s: checked, and trained on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.launch.hosts.hostfile import read
from caps_hvd.records import record
from tests.cluster.hosts import REPOSITORY, Hosts, missing

LAB15 = "hostfiles/lab15"
TRAIN = ["python", "-m", "caps_hvd.train", "--dataset", "digits", "--preset", "small",
         "--epochs", "1", "--compression", "none", "--run-dir"]  # fmt: skip
# Needs no TensorFlow: says where it is, then waits, or ends with a code on rank 1.
RANK = """
import os, socket, sys, time
rank = os.environ.get("HOROVOD_RANK") or os.environ["OMPI_COMM_WORLD_RANK"]
# One write: Open MPI tags and cuts what comes in pieces.
os.write(1, f"rank {rank} on {socket.gethostname()} in {os.getcwd()}\\n".encode())
if sys.argv[1:] and rank == "1":
    sys.exit(int(sys.argv[1]))
time.sleep(120)
"""
# 64 MB from the one to the other and back, between two hosts.
BANDWIDTH = """
import time
import numpy as np
from mpi4py import MPI
ranks, buffer = MPI.COMM_WORLD, np.ones(16_000_000, np.float32)
ranks.Barrier()
began = time.perf_counter()
for _ in range(2):
    ranks.Bcast(buffer, root=0)
    ranks.Bcast(buffer, root=1)
if ranks.rank == 0:
    print("bits per second:", 8 * 4 * buffer.nbytes / (time.perf_counter() - began))
"""
pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.timeout(480),
]


@pytest.fixture(scope="module")
def hosts():
    with Hosts.up(15, rate="1gbit") as hosts:
        yield hosts


@pytest.fixture(autouse=True)
def nothing_left(hosts):
    """No test leaves a process on a host."""
    yield
    deadline = time.monotonic() + 60
    while left := {name: running for name in hosts.names if (running := hosts.processes(name))}:
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


def on_h1(hosts, *argv, timeout=200, **options):
    return hosts.run("h1", argv, timeout=timeout, cwd=options.pop("cwd", REPOSITORY), **options)


def test_all_hosts_can_take_part(hosts):
    done = on_h1(hosts, "caps-hvd", "hosts", "check", LAB15, "--interface", "eth0", "--json")
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    assert [host["name"] for host in found["hosts"]] == [host.name for host in read(LAB15)]
    assert all(host["takes_part"] for host in found["hosts"])
    assert {host["facts"]["hostname"] for host in found["hosts"]} == set(hosts.names)
    assert (found["interface"], found["common_interfaces"]) == ("eth0", ["eth0"])
    assert {host["interface"] for host in found["hosts"][1:]} == {"eth0"}


def test_says_which_hosts_cannot_take_part(hosts, tmp_path):
    lab = tmp_path / "my lab"
    lab.write_text("h1\n# comment\nh2 slots=999999\nh15:1\nh99 slots=1\n")
    hosts.kill("h15")
    try:
        done = on_h1(hosts, "caps-hvd", "hosts", "check", str(lab), "--seconds", "60")
    finally:
        hosts.boot("h15")
    assert done.returncode == 2
    line = next(line for line in done.stdout.splitlines() if line.startswith("caps_hvd: error:"))
    assert line.startswith(f"caps_hvd: error: {lab}: 3 of 4 hosts cannot take part: ")
    assert re.search(r"h2 \(line 3\): \d+\.\d GiB of memory free, needed are 499999\.5", line)
    assert re.search(r"h15 \(line 4\): (no route to host|connection timed out)", line)
    assert "h99 (line 5): unknown name; correct it" in line
    assert "1 of 4 hosts can take part, with 1 slots" in done.stdout
    assert on_h1(hosts, "caps-hvd", "hosts", "check", "-H", "h15").returncode == 0


def test_a_host_without_a_server_or_a_key(hosts, tmp_path):
    """A host whose sshd is gone refuses; one that does not know the key denies."""
    config = tmp_path / "ssh_config"
    config.write_text("Host h2\n  Port 23\nHost h3\n  IdentityFile /nowhere\n")
    mount = 'mount --bind "$0" /etc/ssh/ssh_config && exec caps-hvd hosts check -H h2,h3'
    text = Path(hosts.folder, "ssh_config").read_text().replace("IdentityFile", "#")
    config.write_text(config.read_text() + text)
    done = on_h1(hosts, "unshare", "--mount", "sh", "-c", mount, str(config))
    assert "h2: no ssh server answers there; start sshd" in done.stdout
    assert "h3: ssh lets nobody in without a password; run ssh-copy-id" in done.stdout
    assert done.returncode == 2


def test_links_carry_what_they_are_shaped_to(hosts):
    done = on_h1(hosts, "caps-hvd", "launch", "-H", "h1,h2", "--", "python", "-c", BANDWIDTH)
    assert done.returncode == 0, done.stdout
    measured = float(re.search(r"bits per second: (\S+)", done.stdout)[1])
    assert 0.1e9 < measured < 1.1e9  # a loaded machine is slower, none is faster


@pytest.mark.parametrize("launcher", ["mpirun", "horovodrun"])
def test_the_exit_code_is_the_ranks(hosts, launcher):
    done = on_h1(hosts, "caps-hvd", "launch", "-H", "h1,h2", "--launcher", launcher,
                 "--interface", "eth0", "--", "python", "-c", RANK, "7")  # fmt: skip
    assert done.returncode == 7, done.stdout


@pytest.mark.parametrize("launcher", ["mpirun", "horovodrun", "horovodrun-mpi"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_ranks(hosts, launcher, number, tmp_path):
    folder = tmp_path / "it's $HOME"
    folder.mkdir()
    argv = ["caps-hvd", "launch", "-H", "h1,h2,h3", "--launcher", launcher, "--interface", "eth0",
            "--", "python", "-c", RANK]  # fmt: skip
    with open(tmp_path / "output", "w+") as output:
        started = hosts.popen("h1", argv, cwd=folder, stdout=output, stderr=output)
        try:
            expected = {f"rank {k} on h{k + 1} in {folder}" for k in range(3)}
            deadline = time.monotonic() + 200
            while not all(words in Path(output.name).read_text() for words in expected):
                assert time.monotonic() < deadline, Path(output.name).read_text()
                assert started.poll() is None, Path(output.name).read_text()
                time.sleep(0.1)
            children = f"/proc/{started.pid}/task/{started.pid}/children"
            os.kill(int(Path(children).read_text()), number)
            assert started.wait(60) != 0
        finally:
            started.kill()


def test_an_unknown_name_starts_nothing(hosts, tmp_path):
    lab = tmp_path / "lab"
    lab.write_text("h1\nh99\n")
    done = on_h1(hosts, "caps-hvd", "launch", "--hostfile", str(lab), "--", "touch", "x")
    assert done.returncode == 2
    assert done.stdout.startswith(f"caps_hvd: error: {lab}: line 2: no host of the name h99 is ")
    assert len(done.stdout.splitlines()) == 1


def trained(run, ranks, backend):
    found = record.read(run / "record.json")
    assert found.machine.hosts == [f"h{number}" for number in range(1, ranks + 1)]
    assert (found.machine.ranks, found.machine.backend) == (ranks, backend)
    assert len(found.epochs) == 1 and 0 < found.result.test_accuracy <= 1


def test_horovodrun_reads_the_host_file_and_trains(hosts, tmp_path):
    done = on_h1(hosts, "horovodrun", "--disable-cache", "-np", "15", "--hostfile", LAB15,
                 *TRAIN, str(tmp_path / "run"), timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stdout
    trained(tmp_path / "run", 15, "mpi")


def test_launch_trains_on_all_hosts(hosts, tmp_path):
    done = on_h1(hosts, "caps-hvd", "launch", "-np", "15", "--hostfile", LAB15, "--interface",
                 "eth0", "--", *TRAIN, str(tmp_path / "run"), timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stdout
    trained(tmp_path / "run", 15, "mpi")


def test_horovodrun_over_gloo_takes_a_list(hosts, tmp_path):
    listed = on_h1(hosts, "caps-hvd", "hosts", "list", LAB15, "-np", "2").stdout.strip()
    assert listed == "h1:1,h2:1"
    done = on_h1(hosts, "horovodrun", "--gloo", "--disable-cache", "-np", "2", "-H", listed,
                 *TRAIN, str(tmp_path / "run"), timeout=200)  # fmt: skip
    assert done.returncode == 0, done.stdout
    trained(tmp_path / "run", 2, "gloo")


def test_hosts_end_with_the_test_that_made_them(tmp_path):
    """Even where it is killed."""
    code = (
        "import time; from tests.cluster.hosts import Hosts\n"
        "with Hosts.up(2) as hosts: print(hosts.folder, flush=True); time.sleep(60)"
    )
    made = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    folder = Path(made.stdout.readline().strip())
    numbers = [int(path.read_text()) for path in folder.glob("*.pid")]
    assert len(numbers) == 3
    made.kill()
    made.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{number}").exists() for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    Hosts(folder).down()  # its files
    assert not folder.exists()
