"""Sweeps over machines: hosts in namespaces under mpirun, and a real Slurm with virtual nodes.

CAPS_HVD_TEST_MACHINES=1,5,10,15 makes the sweep over hosts as large as the published one.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from caps_hvd.records import sweep_record
from caps_hvd.report.scaling.table import epoch_shares
from tests.cluster import hosts as lab
from tests.cluster import slurm

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
    assert all(epoch_shares(point)["exposed_communication"] > 0 for point in points[1:])


@pytest.fixture(scope="module")
def cluster():
    if reason := slurm.missing():
        pytest.skip(reason)
    with slurm.Cluster.up(4, gpus=0) as cluster:
        yield cluster


def sweep_on(cluster, definition, *options, code=0, seconds=30, **more):
    command = [sys.executable, "-m", "caps_hvd.cli", "sweep", definition, *options]
    done = cluster.run(*command, seconds=seconds, check=False, cwd=definition.parent, **more)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def jobs_of(folder):
    points = json.loads((folder / "state.json").read_text())["points"]
    return {name: point["job"] for name, point in points.items()}


@pytest.mark.timeout(480)
def test_jobs_that_wait_for_each_other(tmp_path, cluster):
    definition, folder = tmp_path / "chain.toml", tmp_path / "sweeps" / "chain"
    definition.write_text(f'machine_counts = [1, 2, 4]\nlauncher = "slurm"\n{TRAIN}')
    sweep_on(cluster, definition, "--detach")
    one, two, four = (jobs_of(folder)[f"m{n}-rep0"] for n in (1, 2, 4))
    assert cluster.show(two)["Dependency"].startswith(f"afterany:{one}")
    assert cluster.show(four)["Dependency"].startswith(f"afterany:{two}")
    assert cluster.show(four)["NumNodes"].startswith("4")
    again = sweep_on(cluster, definition, seconds=400)  # takes up what is in the queue
    assert "3 of 3 points finished" in again.stdout
    listed = cluster.run("squeue", "--noheader", "--states=all", "--format=%i %j").stdout
    submitted = {line.split()[0] for line in listed.splitlines() if "chain" in line}
    assert submitted == {one, two, four}
    points = finished(folder)
    assert [point.ranks for point in points] == [1, 2, 4]
    assert [len(set(point.hosts)) for point in points] == [1, 2, 4]
    assert jobs_of(folder) == dict.fromkeys(jobs_of(folder))


def test_a_kill_between_sbatch_and_its_answer_submits_nothing_twice(tmp_path, cluster):
    definition, folder = tmp_path / "killed.toml", tmp_path / "sweeps" / "killed"
    definition.write_text(f'machine_counts = [1, 2]\nlauncher = "slurm"\n{TRAIN}')
    environ = cluster.environ()
    deadly = tmp_path / "tools" / "sbatch"
    deadly.parent.mkdir()
    real = shutil.which("sbatch", path=environ["PATH"])
    deadly.write_text(f'#!/bin/bash\n{real} "$@"\n[ "$1" = --test-only ] || kill -9 $PPID\n')
    deadly.chmod(0o755)
    killed = environ | {"PATH": f"{deadly.parent}:{environ['PATH']}"}
    sweep_on(cluster, definition, "--detach", code=-signal.SIGKILL, env=killed)
    sweep_on(cluster, definition, "--detach")
    one, two = (jobs_of(folder)[f"m{n}-rep0"] for n in (1, 2))
    assert cluster.show(two)["Dependency"].startswith(f"afterany:{one}")
    listed = cluster.run("squeue", "--noheader", "--states=all", "--format=%i %j").stdout
    submitted = {line.split()[0] for line in listed.splitlines() if "killed" in line}
    cluster.run("scancel", one, two)
    assert submitted == {one, two}


@pytest.mark.timeout(300)
def test_an_array_of_which_a_task_fails(tmp_path, cluster):
    definition, folder = tmp_path / "array.toml", tmp_path / "sweeps" / "array"
    definition.write_text(
        f'launcher = "slurm"\n{TRAIN}\n[axes.data]\nnowhere = {{ dataset = "no such set.h5" }}\n'
        'digits = {}\n[slurm]\nmode = "array"\n'
    )
    done = sweep_on(cluster, definition, code=2, seconds=250)
    assert "1 of 2 points failed" in done.stderr and len(done.stderr.splitlines()) == 1
    failed, good = sweep_record.read(folder / "sweep.h5").points
    assert good.status == "finished" and failed.status == "failed"
    assert "has failed" in failed.error and "no such set.h5" in failed.error
    listed = cluster.run("squeue", "--noheader", "--states=all", "--array", "--format=%i %j").stdout
    numbers = [line.split()[0] for line in listed.splitlines() if "array" in line]
    assert sorted(number.partition("_")[2] for number in numbers) == ["0", "1"]
    assert not list((folder / "points").glob("slurm-*"))


def test_what_slurm_refuses_is_not_submitted_half(tmp_path, cluster):
    definition = tmp_path / "refused.toml"
    definition.write_text('machine_counts = [1, 9]\nlauncher = "slurm"\n')
    done = sweep_on(cluster, definition, code=2)
    assert "Slurm refuses the job" in done.stderr and len(done.stderr.splitlines()) == 1
    assert "refused" not in cluster.run("squeue", "--noheader", "--format=%j").stdout
