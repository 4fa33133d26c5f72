"""The job scripts for machines without Slurm, run as they are, on this one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caps_hvd.records import record

REPOSITORY = Path(__file__).resolve().parents[2]
TRAIN = "--preset small --train-samples 256 --test-samples 64 --batch-size 32 --compression none"
JOB_SECONDS = 240
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(JOB_SECONDS + 30)]


@pytest.mark.parametrize("launcher, backend", [("mpirun", "mpi"), ("horovodrun", "gloo")])
def test_a_script_trains_on_each_count(tmp_path, launcher, backend):
    (tmp_path / "my hosts").write_text("localhost slots=2  # this machine\n")
    environ = {
        **os.environ,
        "CAPS_HVD_VENV": sys.prefix,
        "CAPS_HVD_HOSTFILE": "my hosts",
        "CAPS_HVD_RANKS": "1 2",
        "CAPS_HVD_RUN_DIR": "runs/it's mine",
    }
    command = ["bash", str(REPOSITORY / "jobs" / f"{launcher}.sh"), *TRAIN.split(), "--epochs=1"]
    assert "epoch 1/1" in run(command, tmp_path, environ)
    folders = [tmp_path / "runs" / f"it's mine-{ranks}" for ranks in (1, 2)]
    records = [record.read(folder / "record.json") for folder in folders]
    assert [each.machine.ranks for each in records] == [1, 2]
    assert records[1].machine.backend == backend


def test_a_job_of_pbs_trains_on_the_hosts_of_its_file(tmp_path):
    (tmp_path / "nodes").write_text("localhost\nlocalhost\n")
    environ = {
        **os.environ,
        "CAPS_HVD_VENV": sys.prefix,
        "CAPS_HVD_OPTIONS": f"{TRAIN} --epochs 1",
        "PBS_NODEFILE": str(tmp_path / "nodes"),
        "PBS_O_WORKDIR": str(tmp_path),
        "PBS_JOBNAME": "capsnet",
        "PBS_JOBID": "12.server",
    }
    assert "epoch 1/1" in run(["bash", str(REPOSITORY / "jobs" / "pbs.sh")], tmp_path, environ)
    assert record.read(tmp_path / "runs/capsnet-12/record.json").machine.ranks == 2


def run(command, folder, environ):
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=JOB_SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)  # the launcher ends its ranks
        raise
    assert process.returncode == 0, output
    return output
