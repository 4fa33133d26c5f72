"""The job scripts that stand in `slurm/` and `jobs/`, ready for use.

python -m caps_hvd.launch.committed [FOLDER]     # writes them anew; a test compares them whole
"""

import sys
from pathlib import Path

from caps_hvd.io.atomic import replacing
from caps_hvd.launch.jobs import hosts_script, slurm_script
from caps_hvd.launch.jobs.job import HostsJob, JobTask, SlurmJob, train_task
from caps_hvd.launch.jobs.shell import Expression

_MADE = (
    "Made by `python -m caps_hvd.launch.committed`; `caps-hvd submit` makes one for your cluster."
)

_SETTINGS = """\
Settings, from the environment of sbatch:
  CAPS_HVD_{where}
  CAPS_HVD_RUN_DIR    folder of results, {run_dir} by default
  CAPS_HVD_DATA_DIR   folder of the data sets, on all nodes"""

_VENV = "VENV       environment to run in, .venv in the folder of submission by default"
_IMAGE = "CONTAINER  image to run in, caps_hvd.sif in the folder of submission by default"
_RUN_SETTINGS = _SETTINGS.format(where=_VENV, run_dir="runs/<name>-<job>")

_GOES_ON = """\
A job that was preempted or requeued, or whose time is nearly over, goes on at its last whole
epoch."""

_SOURCE = '"An Overview of Distributed Capsule Networks", the paper\'s network on MNIST, batch 100'

_CPU = f"""\
Train on CPUs: one rank on each node, gradients reduced over MPI between CPUs.

    sbatch slurm/capsnet_cpu.sh --dataset mnist --epochs 5
    sbatch -N 8 slurm/capsnet_cpu.sh --epochs 5

What follows the script's name are options of `caps-hvd train`; those of sbatch go before it.
Hardware: any nodes, whole, with all their cores.
Published for this set-up, in seconds per epoch: 610 on 1 machine, 184.4 on 5, 88 on 15
({_SOURCE}).
{_GOES_ON}
{_RUN_SETTINGS}
{_MADE}"""

_GPU_CPU_ALLREDUCE = f"""\
Train on GPUs, one rank for each, and reduce gradients on the CPU: for clusters where NCCL cannot
be used, and to tell what it gains.

    sbatch slurm/capsnet_gpu_cpu_allreduce.sh --dataset mnist --epochs 5
    sbatch -N 2 --gpus-per-node=4 --ntasks-per-node=4 slurm/capsnet_gpu_cpu_allreduce.sh

Hardware: NVIDIA GPUs, as many ranks on a node as GPUs.
Published for this set-up, in seconds per epoch: 390 on 1 machine with a GPU, 60 on 15
({_SOURCE}).
{_GOES_ON}
{_RUN_SETTINGS}
{_MADE}"""

_GPU = f"""\
Train on GPUs, one rank for each, and reduce gradients between them: with NCCL, where Horovod was
built with it (`caps-hvd doctor` tells).

    sbatch slurm/capsnet_gpu.sh --dataset mnist --epochs 5
    sbatch -N 2 --gpus-per-node=4 --ntasks-per-node=4 slurm/capsnet_gpu.sh

Hardware: NVIDIA GPUs, as many ranks on a node as GPUs.
Published for this set-up: seconds per epoch like those of reducing on the CPU, 390 on 1 machine
and 60 on 15, with a much faster reduction
({_SOURCE}).
{_GOES_ON}
{_RUN_SETTINGS}
{_MADE}"""

_SWEEP = f"""\
Train on 1, 2 and 4 nodes, one count after another inside one job, and record how it scales.

    sbatch slurm/scaling_sweep.sh                         # jobs/scaling_sweep.toml
    sbatch -N 15 slurm/scaling_sweep.sh DEFINITION.toml   # docs/sweeps.md says what it holds
    caps-hvd report sweeps/<name>-<job>

Hardware: any nodes, whole; as many as the definition's largest machine count. With GPUs:
`sbatch --gpus-per-node=1 slurm/scaling_sweep.sh`.
A job that was preempted or requeued, or whose time is nearly over, repeats no finished point.
{_SETTINGS.format(where=_VENV, run_dir="sweeps/<name>-<job>")}
{_MADE}"""

_CONTAINER = f"""\
Train in a container, one rank on each node: an Apptainer image, or a Docker image.

    sbatch slurm/container.sh --dataset mnist --epochs 5             # caps_hvd.sif
    CAPS_HVD_CONTAINER=docker://registry/image:tag sbatch slurm/container.sh    # by Apptainer
    CAPS_HVD_CONTAINER=image:tag sbatch slurm/container.sh                      # by Docker
    sbatch --gpus-per-node=4 --ntasks-per-node=4 slurm/container.sh

Slurm starts the ranks, by PMIx (`srun --mpi=list` must name pmix); Open MPI is the image's. The
folders of submission, results and data are the same inside. docs/hpc.md tells how an image is made.
{_GOES_ON}
{_SETTINGS.format(where=_IMAGE, run_dir="runs/<name>-<job>")}
{_MADE}"""

_HOSTS = """\
Train on machines that ssh reaches, started by {launcher}: on each count of ranks, one after
another.

    {script} --epochs 2                               # 1 and 2 ranks on this machine
    CAPS_HVD_HOSTFILE=hostfiles/lab15 CAPS_HVD_RANKS="1 5 10 15" \\
        {script} --dataset mnist --epochs 5

What follows the script's name are options of `caps-hvd train`. The same command again goes on
where it stopped, and repeats no finished run. `caps-hvd sweep` does more: repetitions, a report.
Hardware: the hosts of the file, with the same environment at the same path; `caps-hvd hosts
check` tells whether they can take part.
Settings:
  CAPS_HVD_HOSTFILE  host file, hostfiles/localhost by default
  CAPS_HVD_RANKS     counts of ranks, "1 2" by default
  CAPS_HVD_RUN_DIR   folders of results, without the count: runs/{launcher} by default
  CAPS_HVD_VENV      environment to run in, .venv of this project by default
Made by `python -m caps_hvd.launch.committed`."""

_FOUR_HOURS = 240
_GPUS = {"nodes": 4, "gpus_per_node": 1, "cpus_per_task": 4, "time_minutes": _FOUR_HOURS}
_NODES = {"nodes": 4, "exclusive": True, "time_minutes": _FOUR_HOURS}

SLURM_JOBS = {
    "capsnet_cpu.sh": SlurmJob(name="capsnet-cpu", tasks=(train_task(),), header=_CPU, **_NODES),
    "capsnet_gpu_cpu_allreduce.sh": SlurmJob(
        name="capsnet-gpu-cpu-allreduce",
        tasks=(train_task(["--reduce-on", "cpu"]),),
        header=_GPU_CPU_ALLREDUCE,
        **_GPUS,
    ),
    "capsnet_gpu.sh": SlurmJob(name="capsnet-gpu", tasks=(train_task(),), header=_GPU, **_GPUS),
    "scaling_sweep.sh": SlurmJob(
        name="scaling-sweep",
        tasks=(
            JobTask(
                program=("caps-hvd", "sweep", "--output", Expression("$run_dir")),
                arguments=("jobs/scaling_sweep.toml",),
                run_dir=Expression("sweeps/$SLURM_JOB_NAME-$SLURM_JOB_ID"),
            ),
        ),
        ranks=False,
        header=_SWEEP,
        **_NODES,
    ),
    "container.sh": SlurmJob(
        name="capsnet-container",
        tasks=(train_task(),),
        container="caps_hvd.sif",
        header=_CONTAINER,
        **_NODES,
    ),
}

HOSTS_JOBS = {
    f"{launcher}.sh": HostsJob(
        name=launcher,
        launcher=launcher,
        header=_HOSTS.format(launcher=launcher, script=f"jobs/{launcher}.sh"),
    )
    for launcher in ("mpirun", "horovodrun")
}


def scripts() -> dict[str, str]:
    """Every committed script: its path in the project -> its text."""
    return {
        **{f"slurm/{name}": slurm_script.render(job) for name, job in SLURM_JOBS.items()},
        **{f"jobs/{name}": hosts_script.render(job) for name, job in HOSTS_JOBS.items()},
    }


def write(folder) -> None:
    """Writes all scripts below a folder."""
    for name, text in scripts().items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
            partial.chmod(0o755)


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else ".")
