"""Sweeps over machines: hosts in namespaces under mpirun, and a real Slurm with virtual nodes.

CAPS_HVD_TEST_MACHINES=1,5,10,15 makes the sweep over hosts as large as the published one.
"""

import os
import sys
from pathlib import Path

import pytest

from caps_hvd.report import sweep_record
from tests.cluster import hosts as lab

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINES = [int(n) for n in os.environ.get("CAPS_HVD_TEST_MACHINES", "1,5").split(",")]
TRAIN = """
[train]
dataset = "digits"
preset = "small"
train_samples = 320
test_samples = 40
batch_size = 16
epochs = 2
threads = 1
compression = "none"
"""


def finished(folder):
    sweep = sweep_record.read(folder / "sweep.h5")
    assert [(point.status, point.error) for point in sweep.points] == [
        ("finished", "") for _ in sweep.points
    ]
    return sweep.points


@pytest.mark.timeout(120 + 30 * sum(MACHINES))
def test_machine_counts_over_hosts(tmp_path):
    if reason := lab.missing():
        pytest.skip(reason)
    count = max(MACHINES)
    (tmp_path / "my hosts").write_text("".join(f"h{n} slots=1\n" for n in range(1, count + 1)))
    definition = tmp_path / "hosts.toml"
    definition.write_text(
        f'machine_counts = {MACHINES}\nhostfile = "my hosts"\nlauncher = "mpirun"\n'
        f'interface = "eth0"\n{TRAIN}'
    )
    folder = tmp_path / "a sweep"
    sweep = [sys.executable, "-m", "caps_hvd.cli", "sweep", definition, "--output", folder]
    with lab.Hosts.up(count, rate="1gbit") as hosts:
        done = hosts.run("h1", sweep, timeout=60 + 25 * sum(MACHINES), cwd=REPOSITORY)
        assert done.returncode == 0, done.stdout
        assert all(hosts.processes(name) == [] for name in hosts.names)
        hosts.kill(f"h{count}")
        again = hosts.run("h1", sweep, timeout=60, cwd=REPOSITORY)
        assert again.returncode == 0, again.stdout  # nothing is left that would need that host
    points = finished(folder)
    assert [point.hosts for point in points] == [
        [f"h{n}" for n in range(1, machines + 1)] for machines in MACHINES
    ]
    assert [point.steps_per_epoch for point in points] == [20 // n for n in MACHINES]
    assert {point.backend for point in points[1:]} == {"mpi"}
    assert all(point.shares["exposed_communication"] > 0 for point in points[1:])
