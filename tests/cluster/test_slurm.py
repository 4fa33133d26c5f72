"""Every script of `slurm/`, submitted to a real Slurm; and jobs that depend, fail and come back."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.distributed.devices import gpu_index
from caps_hvd.launch import slurm
from caps_hvd.launch.job import SlurmJob, Task
from caps_hvd.launch.shell import Expression
from caps_hvd.report import record, sweep_record
from tests.cluster.slurm import REPOSITORY, Cluster, missing

SCRIPTS = REPOSITORY / "slurm"
TRAIN = (
    *("--dataset", "digits", "--preset", "small", "--train-samples", "256"),
    *("--test-samples", "64", "--batch-size", "32", "--compression", "none"),
)
JOB_SECONDS = 400  # TensorFlow starts slowly four times on two busy cores
pytestmark = pytest.mark.timeout(JOB_SECONDS + 60)

# Every rank, as Python starts: what Slurm and the launcher have told it.
_WITNESS = """\
import json, os
rank = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMIX_RANK"))
if rank is not None and "WITNESS" in os.environ:
    with open(os.path.join(os.environ["WITNESS"], rank), "w") as file:
        json.dump(dict(os.environ), file)
"""
_FAKE_APPTAINER = """\
#!/bin/bash
echo "$@" >>"$FAKE_LOG"
[ "$1" = exec ] && shift
while [ $# -gt 0 ]; do
    case $1 in --bind | --pwd) shift 2 ;; --nv) shift ;; *) break ;; esac
done
shift # the image
PATH=$FAKE_PATH exec "$@"
"""
# As strict as Docker: inside there is nothing of the environment but what was handed over.
_FAKE_DOCKER = """\
#!/bin/bash
echo "$@" >>"$FAKE_LOG"
[ "$1" = run ] && shift
handed=(PATH="$FAKE_PATH" HOME=/tmp)
while [ $# -gt 0 ]; do
    case $1 in
    --env) handed+=("$2=${!2}"); shift 2 ;;
    --volume | --user) shift 2 ;;
    --workdir) cd "$2"; shift 2 ;;
    --*) shift ;;
    *) break ;;
    esac
done
shift # the image
exec env -i "${handed[@]}" "$@"
"""


@pytest.fixture(scope="module")
def cluster():
    if reason := missing():
        pytest.skip(reason)
    with Cluster.up(4, gpus=2, cpus=4) as running:
        yield running


@pytest.fixture
def environ(cluster, tmp_path):
    witness = tmp_path / "witness"
    witness.mkdir()
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(_WITNESS)
    return cluster.environ(
        CAPS_HVD_VENV=sys.prefix,
        OMPI_MCA_mpi_yield_when_idle="1",  # ranks of four "nodes" share this machine's cores
        PYTHONPATH=str(hook),
        WITNESS=str(witness),
    )


def finish(cluster, tmp_path, environ, script, *arguments, options=()):
    """Submits a script from `tmp_path`, waits for its end, gives its number and its output."""
    job = cluster.submit(script, *arguments, options=options, cwd=tmp_path, env=environ)
    state = cluster.wait(job, JOB_SECONDS)
    output = "".join(path.read_text() for path in sorted(tmp_path.glob("*.out")))
    assert state == "COMPLETED", output
    return job, output


def witnesses(tmp_path):
    paths = sorted((tmp_path / "witness").iterdir(), key=lambda path: int(path.name))
    return [json.loads(path.read_text()) for path in paths]


def write(tmp_path, job: SlurmJob) -> Path:
    path = tmp_path / f"{job.name}.sh"
    path.write_text(slurm.render(job))
    return path


def test_cpu_on_four_nodes(cluster, tmp_path, environ):
    script = SCRIPTS / "capsnet_cpu.sh"
    job, output = finish(cluster, tmp_path, environ, script, *TRAIN, "--epochs", "2")
    done = record.read(tmp_path / "runs" / f"capsnet-cpu-{job}" / "record.json")
    assert done.machine.hosts == ["node1", "node2", "node3", "node4"]
    assert done.machine.backend == "mpi"
    assert [epoch.epoch for epoch in done.epochs] == [1, 2]
    assert output.count("test accuracy") == 1, output


@pytest.mark.parametrize(
    "name, options, nodes, gpus, reduce_on",
    [
        ("capsnet-gpu", ("-N2", "--gpus-per-node=2", "--ntasks-per-node=2"), 2, 2, "auto"),
        ("capsnet-gpu-cpu-allreduce", ("-N2",), 2, 1, "cpu"),
    ],
)
def test_a_rank_for_each_gpu(cluster, tmp_path, environ, name, options, nodes, gpus, reduce_on):
    options = (*options, "--cpus-per-task=2")
    script = SCRIPTS / f"{name.replace('-', '_')}.sh"
    job, _ = finish(cluster, tmp_path, environ, script, *TRAIN, "--epochs", "1", options=options)
    done = record.read(tmp_path / "runs" / f"{name}-{job}" / "record.json")
    assert done.reduction.reduce_on == reduce_on
    assert done.machine.hosts == [f"node{1 + rank // gpus}" for rank in range(nodes * gpus)]
    assert cluster.show(job)["TresPerNode"] == f"gres:gpu:{gpus}"
    devices = []
    for rank in witnesses(tmp_path):
        visible = rank["CUDA_VISIBLE_DEVICES"].split(",")
        place = Place(
            int(rank["OMPI_COMM_WORLD_LOCAL_RANK"]), int(rank["OMPI_COMM_WORLD_LOCAL_SIZE"])
        )
        devices.append((rank["SLURMD_NODENAME"], visible[gpu_index(place, len(visible))]))
    assert devices == [(f"node{n}", str(g)) for n in range(1, nodes + 1) for g in range(gpus)]


@dataclasses.dataclass
class Place:
    local_rank: int
    local_size: int


@pytest.mark.parametrize(
    "runtime, program, image",
    [
        ("apptainer", _FAKE_APPTAINER, "an image.sif"),
        ("docker", _FAKE_DOCKER, "caps_hvd:cpu"),
    ],
)
def test_container(cluster, tmp_path, environ, runtime, program, image):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / runtime).write_text(program)
    (tools / runtime).chmod(0o755)
    (tmp_path / "an image.sif").touch()
    environ |= {
        "CAPS_HVD_CONTAINER": image,
        "FAKE_LOG": str(tmp_path / "runtime.log"),
        "FAKE_PATH": f"{sys.prefix}/bin:{environ['PATH']}",
        "PATH": f"{tools}:{environ['PATH']}",
    }
    job, _ = finish(
        cluster, tmp_path, environ, SCRIPTS / "container.sh",
        *TRAIN, "--epochs", "1", options=("-N2", "--gpus-per-node=1"),
    )  # fmt: skip
    done = record.read(tmp_path / "runs" / f"capsnet-container-{job}" / "record.json")
    assert done.machine.hosts == ["node1", "node2"]
    words = (tmp_path / "runtime.log").read_text()
    assert words.count(f" {image} python -m caps_hvd.train --run-dir runs/") == 2
    assert ("--nv" if runtime == "apptainer" else "--gpus=all") in words


def test_sweep_over_1_2_and_4_nodes(cluster, tmp_path, environ):
    definition = tmp_path / "counts.toml"
    options = dict(zip(TRAIN[::2], TRAIN[1::2], strict=True))
    lines = [
        f"{flag[2:].replace('-', '_')} = {value if value.isdecimal() else json.dumps(value)}"
        for flag, value in options.items()
    ]
    definition.write_text(
        "\n".join(["machine_counts = [1, 2, 4]", "[train]", "epochs = 1", *lines]) + "\n"
    )
    script = SCRIPTS / "scaling_sweep.sh"
    job, _ = finish(cluster, tmp_path, environ, script, "counts.toml")
    sweep = sweep_record.read(tmp_path / "sweeps" / f"scaling-sweep-{job}" / "sweep.h5")
    assert [(point.machines, point.status) for point in sweep.points] == [
        (1, "finished"),
        (2, "finished"),
        (4, "finished"),
    ]
    hosts = ["node1", "node2", "node3", "node4"]
    assert [point.hosts for point in sweep.points] == [hosts[:1], hosts[:2], hosts]


def test_a_preempted_run_goes_on(cluster, tmp_path, environ):
    epochs = 40
    job = cluster.submit(
        SCRIPTS / "capsnet_cpu.sh", *TRAIN, "--epochs", epochs,
        options=("-N2",), cwd=tmp_path, env=environ,
    )  # fmt: skip
    run = tmp_path / "runs" / f"capsnet-cpu-{job}"
    cluster.wait_for(job, lambda _: (run / "checkpoint.h5").exists(), JOB_SECONDS)
    options = ("-N4", "--exclusive", "--partition=urgent", "--output=urgent.txt", "--wrap=true")
    urgent = cluster.run("sbatch", "--parsable", *options, cwd=tmp_path).stdout.strip()
    assert cluster.wait(urgent, 60) == "COMPLETED"
    assert cluster.wait(job, JOB_SECONDS) == "COMPLETED"
    assert cluster.show(job)["Restarts"] == "1"
    done = record.read(run / "record.json")
    assert [epoch.epoch for epoch in done.epochs] == list(range(1, epochs + 1))
    first, second = done.sessions
    assert (first.first_epoch, second.first_epoch > 1) == (1, True)


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
    task = Task(program=program, run_dir="my run")
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


def test_an_array_of_tasks_and_a_job_that_waits_for_it(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", cluster.environ()["SLURM_CONF"])
    monkeypatch.chdir(tmp_path)
    code = "import sys; print(*sys.argv[1:]); sys.exit(sys.argv[1] == 'two')"

    def job(name, words, **settings):
        tasks = tuple(
            Task(program=(sys.executable, "-c", code, word), run_dir=word, log=f"{word} 's.log")
            for word in words
        )
        return SlurmJob(name=name, tasks=tasks, ranks=False, venv=sys.prefix, **settings)

    array = slurm.sbatch(slurm.render(job("three", ["one", "two", "three"], array_limit=2)))
    after = slurm.sbatch(slurm.render(job("after", ["after"], dependency=f"afterany:{array}")))
    never = slurm.sbatch(slurm.render(job("never", ["never"], dependency=f"afterok:{array}")))
    assert slurm.states([after, never]) == {str(after): "pending", str(never): "pending"}
    assert cluster.wait(after, 60) == "COMPLETED"
    assert slurm.states([array, f"{array}_0", f"{array}_1", after, 999999]) == {
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
    slurm.cancel([never])
    assert slurm.states([never]) == {str(never): "cancelled"}


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
    task = Task(program=(sys.executable, "-c", code, *words), run_dir="x")
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


def test_submit(cluster, tmp_path, environ):
    done = submit(cluster, tmp_path, "--time=10", "--", *TRAIN, "--epochs", "1")
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
