"""Every script of `slurm/`, submitted to a real Slurm; and jobs that depend, fail and come back."""

import dataclasses
import json
import sys

import pytest

from caps_hvd.distributed.devices import gpu_index
from caps_hvd.records import record, sweep_record
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
