"""Jobs of a real Slurm that wait, fail, come back and are refused; `caps-hvd submit`."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.launch.jobs import slurm_script
from caps_hvd.launch.jobs.job import JobTask, SlurmJob
from caps_hvd.launch.jobs.shell import Expression
from caps_hvd.records import record
from caps_hvd.system import slurm_queue
from tests.cluster.slurm import REPOSITORY, Cluster, missing

SCRIPTS = REPOSITORY / "slurm"
TRAIN = "--preset small --train-samples 256 --test-samples 64 --epochs 1"
JOB_SECONDS = 400
pytestmark = pytest.mark.timeout(JOB_SECONDS + 60)


@pytest.fixture(scope="module")
def cluster():
    if reason := missing():
        pytest.skip(reason)
    with Cluster.up(4, gpus=2, cpus=4) as running:
        yield running


def write(tmp_path, job: SlurmJob) -> Path:
    path = tmp_path / f"{job.name}.sh"
    path.write_text(slurm_script.render(job))
    return path


_GOES_ON = """\
import os, pathlib, sys, time
run = pathlib.Path(sys.argv[1])
run.mkdir(exist_ok=True)
print("session", os.environ.get("SLURM_RESTART_COUNT", "0"), flush=True)
if "SLURM_RESTART_COUNT" not in os.environ:
    time.sleep(1.1)
    (run / sys.argv[2]).touch()
    time.sleep(60)
"""


@pytest.mark.parametrize(
    "made, state", [("checkpoint.h5", "COMPLETED"), ("nothing-useful", "RUNNING")]
)
def test_a_job_whose_time_is_nearly_over_goes_on_later(cluster, tmp_path, made, state):
    """Once it has finished an epoch; one that has not would go round in circles."""
    (tmp_path / "goes_on.py").write_text(_GOES_ON)
    program = (sys.executable, "goes_on.py", Expression("$run_dir"), made)
    task = JobTask(program=program, run_dir="my run")
    script = write(tmp_path, SlurmJob(name="late", tasks=(task,), ranks=False, venv=sys.prefix))
    job = cluster.submit(script, cwd=tmp_path)
    cluster.wait_for(job, lambda _: (tmp_path / "my run" / made).exists(), 30)
    cluster.run("scancel", "--signal=USR1", "--batch", job)
    if state == "COMPLETED":
        assert cluster.wait(job, 60) == "COMPLETED"
        output = (tmp_path / f"late-{job}.out").read_text().splitlines()
        assert [line for line in output if "session" in line] == ["session 0", "session 1"]
        return
    time.sleep(1)
    assert cluster.state(job) == "RUNNING"
    cluster.run("scancel", job)
    assert cluster.wait(job, 30) == "CANCELLED"


_ELEMENT = """\
import os, pathlib, sys, time
run = pathlib.Path(sys.argv[1])
run.mkdir(parents=True, exist_ok=True)
print("session", os.environ["SLURM_JOB_ID"], os.environ.get("SLURM_RESTART_COUNT", "0"), flush=True)
if "SLURM_RESTART_COUNT" not in os.environ:
    time.sleep(1.1)
    (run / "checkpoint.h5").touch()
    while not pathlib.Path("all may end").exists():
        time.sleep(0.1)
"""


@pytest.mark.parametrize("element", [0, 2])
def test_an_element_of_an_array_goes_on_later_alone(cluster, tmp_path, element):
    """The number of the last element is that of the array, so that it would take all with it."""
    (tmp_path / "element.py").write_text(_ELEMENT)
    task = JobTask(program=(sys.executable, "element.py", Expression("$run_dir")))
    settings = {"ranks": False, "venv": sys.prefix, "output": "%a.out"}
    job = SlurmJob(name="three", tasks=(task,), directives=("--array=0-2",), **settings)
    array = cluster.submit(write(tmp_path, job), cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("runs/*/checkpoint.h5"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    cluster.run("scancel", "--signal=USR1", "--batch", f"{array}_{element}")
    while (tmp_path / f"{element}.out").read_text().count("session") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (tmp_path / "all may end").touch()
    for each in range(3):
        assert cluster.wait(f"{array}_{each}", 60) == "COMPLETED"
        lines = (tmp_path / f"{each}.out").read_text().splitlines()
        sessions = [line.split()[1:] for line in lines if line.startswith("session")]
        assert [count for _, count in sessions] == (["0", "1"] if each == element else ["0"])
        assert len({number for number, _ in sessions}) == 1  # so its folder of results stays
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_an_array_of_tasks_and_a_job_that_waits_for_it(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", cluster.environ()["SLURM_CONF"])
    monkeypatch.chdir(tmp_path)
    code = "import sys; print(*sys.argv[1:]); sys.exit(sys.argv[1] == 'two')"

    def job(name, words, **settings):
        tasks = tuple(
            JobTask(program=(sys.executable, "-c", code, word), run_dir=word, log=f"{word} 's.log")
            for word in words
        )
        return SlurmJob(name=name, tasks=tasks, ranks=False, venv=sys.prefix, **settings)

    array = slurm_queue.sbatch(
        slurm_script.render(job("three", ["one", "two", "three"], array_limit=2))
    )
    after = slurm_queue.sbatch(
        slurm_script.render(job("after", ["after"], dependency=f"afterany:{array}"))
    )
    never = slurm_queue.sbatch(
        slurm_script.render(job("never", ["never"], dependency=f"afterok:{array}"))
    )
    assert slurm_queue.states([after, never]) == {str(after): "pending", str(never): "pending"}
    assert cluster.wait(after, 60) == "COMPLETED"
    assert slurm_queue.states([array, f"{array}_0", f"{array}_1", after, 999999]) == {
        str(array): "failed",
        f"{array}_0": "finished",
        f"{array}_1": "failed",
        str(after): "finished",
        "999999": "unknown",
    }
    assert [(tmp_path / f"{w} 's.log").read_text() for w in ("one", "three")] == [
        "one\n",
        "three\n",
    ]
    assert not (tmp_path / "never 's.log").exists()
    slurm_queue.cancel([never])
    assert slurm_queue.states([never]) == {str(never): "cancelled"}


def test_words_reach_the_program_as_they_are(cluster, tmp_path):
    words = [
        "a b",
        "it's",
        '"$HOME"',
        "`id`",
        "$(touch stolen)",
        ";touch stolen",
        "*",
        "",
        "#x",
        "é",
    ]
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    task = JobTask(program=(sys.executable, "-c", code, *words), run_dir="x")
    comment = 'it\'s a # b "c" $HOME `id`;x'
    script = write(
        tmp_path,
        SlurmJob(
            name="words", tasks=(task,), ranks=False, venv=sys.prefix, output="a %x out",
            directives=(f"--comment={comment}",),
        ),
    )  # fmt: skip
    job = cluster.submit(script, *words, cwd=tmp_path)
    assert cluster.wait(job, 30) == "COMPLETED"
    assert json.loads((tmp_path / "a words out").read_text()) == words + words
    shown = cluster.run("scontrol", "show", "job", job).stdout
    assert f"Comment={comment}" in shown
    assert not (tmp_path / "stolen").exists()


def test_an_environment_that_is_not_there(cluster, tmp_path):
    job = cluster.submit(SCRIPTS / "capsnet_cpu.sh", cwd=tmp_path)
    assert cluster.wait(job, 30) == "FAILED"
    assert cluster.show(job)["ExitCode"] == "2:0"
    (line,) = (tmp_path / f"capsnet-cpu-{job}.out").read_text().splitlines()
    assert line.startswith(f"caps_hvd: error: no environment in {tmp_path}/.venv; ")


@pytest.mark.parametrize(
    "offered, words",
    [("none", "SLURM_PROCID: expected a launcher that offers PMIx"), ("pmi2", "offers PMI alone")],
)
def test_srun_that_offers_no_pmix_is_one_line(cluster, tmp_path, offered, words):
    code = (
        "import sys; from caps_hvd.distributed import comm, guard; "
        "sys.exit(guard.run_guarded(comm.init))"
    )
    command = ("srun", f"--mpi={offered}", "--ntasks=2", sys.executable, "-c", code)
    done = cluster.run(*command, cwd=tmp_path, check=False, seconds=90)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("srun: ")]
    assert line.startswith("caps_hvd: error: ") and words in line


_HETEROGENEOUS = """\
#!/bin/bash
#SBATCH --ntasks=2 --output=parts.out
#SBATCH hetjob
#SBATCH --ntasks=3
{python} -m caps_hvd.cli launch -- true
srun --mpi=pmix --het-group=0-1 {python} -c '
from caps_hvd.distributed.environment import check_launcher, launched_rank, launched_size
check_launcher()
print(launched_rank(), launched_size())'
"""


def test_a_heterogeneous_job(cluster, tmp_path):
    """Its ranks are Slurm's to start, and know their number among those of all parts."""
    (tmp_path / "parts.sh").write_text(_HETEROGENEOUS.format(python=sys.executable))
    job = cluster.submit(tmp_path / "parts.sh", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while slurm_state(cluster, job) != "finished":
        assert time.monotonic() < deadline
        time.sleep(0.3)
    refused, *ranks = (tmp_path / "parts.out").read_text().splitlines()
    assert refused.startswith("caps_hvd: error: SLURM_HET_SIZE: expected a job of one part, recei")
    assert sorted(ranks) == [f"{rank} 5" for rank in range(5)]


def slurm_state(cluster, job):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", cluster.environ()["SLURM_CONF"])
        return slurm_queue.states([job])[str(job)]


_STEP = """\
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=2 --output=step.out
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
srun --nodes=1 --ntasks=1 {python} -m caps_hvd.cli launch -- true
"""


def test_a_launch_below_srun_is_refused_in_one_line(cluster, tmp_path):
    (tmp_path / "step.sh").write_text(_STEP.format(python=sys.executable))
    job = cluster.submit(tmp_path / "step.sh", cwd=tmp_path)
    assert cluster.wait(job, 60) == "FAILED"
    line = (tmp_path / "step.out").read_text().splitlines()[0]
    assert line.startswith("caps_hvd: error: SLURM_TASKS_PER_NODE: expected the tasks of 2 nodes")
    assert "received '1', those of this step; " in line


def submit(cluster, tmp_path, *arguments):
    command = [sys.executable, "-m", "caps_hvd.cli", "submit", *arguments]
    return cluster.run(*command, cwd=tmp_path, check=False)


@pytest.mark.parametrize(
    "options, words",
    [
        (["--partition=nowhere"], "Invalid partition name specified"),
        (["--nodes=40"], "Requested node configuration is not available"),
        (["--gpus-per-node=9"], "Requested node configuration is not available"),
        (["--directive=--no-such-thing"], "unrecognized option '--no-such-thing'"),
    ],
)
def test_what_slurm_refuses(cluster, tmp_path, options, words):
    before = cluster.run("squeue", "--noheader", "--states=all").stdout
    done = submit(cluster, tmp_path, *options)
    (line,) = done.stderr.splitlines()
    assert line.startswith("caps_hvd: error: Slurm refuses the job: ")
    assert words in line
    assert line.endswith("nothing was submitted")
    assert done.returncode == 2
    assert cluster.run("squeue", "--noheader", "--states=all").stdout == before


def test_submit(cluster, tmp_path):
    done = submit(cluster, tmp_path, "--time=10", "--", *TRAIN.split())
    words = done.stdout.split()
    assert words[:2] == ["submitted", "job"], done.stderr
    job = words[2].strip(";")
    assert done.stdout == (
        f"submitted job {job}; output in capsnet-digits-{job}.out, "
        f"results in runs/capsnet-digits-{job}\n"
    )
    assert cluster.show(job)["TimeLimit"] == "00:10:00"
    assert cluster.wait(job, JOB_SECONDS) == "COMPLETED"
    assert (
        record.read(tmp_path / "runs" / f"capsnet-digits-{job}" / "record.json").machine.ranks == 1
    )


def test_a_cluster_ends_with_the_process_that_started_it(cluster):
    code = (
        "import time; from tests.cluster.slurm import Cluster; "
        "print(Cluster.up(1).folder, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    folder = process.stdout.readline().strip()
    try:
        assert left(folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while left(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left(folder)
    finally:
        Cluster.at(folder).down()


def left(folder):
    """Processes that know of a cluster in this folder."""
    mark = f"SLURM_CONF={folder}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it has just ended
            continue
    return found
