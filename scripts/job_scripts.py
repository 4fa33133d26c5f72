#!/usr/bin/env python3
"""Renderer of the job scripts in `slurm/` and `jobs/`; a test compares them with what it renders.

    scripts/in_env python scripts/job_scripts.py      # or: make job-scripts

The comment at the head of a script is written in the script itself, and stays; what follows it is
rendered anew.
"""

import dataclasses
import itertools
import re
from pathlib import Path

from caps_hvd.launch.jobs import batch_script, hosts_script, slurm_script
from caps_hvd.launch.jobs.job import BatchJob, HostsJob, JobTask, SlurmJob, train_task
from caps_hvd.launch.jobs.shell import Expression

REPOSITORY = Path(__file__).resolve().parents[1]

_NODES = {"nodes": 4, "time_minutes": 240}
_WHOLE_NODES = _NODES | {"exclusive": True}
_GPU_NODES = _NODES | {"gpus_per_node": 1, "cpus_per_task": 4}
_SWEEP = JobTask(
    program=("caps-hvd", "sweep", "--output", Expression("$run_dir")),
    arguments=("jobs/scaling_sweep.toml",),
    run_dir=Expression("sweeps/$SLURM_JOB_NAME-$SLURM_JOB_ID"),
)

# Path of the script -> job.
JOBS = {
    "slurm/capsnet_cpu.sh": SlurmJob(name="capsnet-cpu", tasks=(train_task(),), **_WHOLE_NODES),
    "slurm/capsnet_gpu_cpu_allreduce.sh": SlurmJob(
        name="capsnet-gpu-cpu-allreduce",
        tasks=(train_task(["--reduce-on", "cpu"]),),
        **_GPU_NODES,
    ),
    "slurm/capsnet_gpu.sh": SlurmJob(name="capsnet-gpu", tasks=(train_task(),), **_GPU_NODES),
    "slurm/scaling_sweep.sh": SlurmJob(
        name="scaling-sweep", tasks=(_SWEEP,), ranks=False, **_WHOLE_NODES
    ),
    "slurm/container.sh": SlurmJob(
        name="capsnet-container",
        tasks=(train_task(),),
        container="caps_hvd.sif",
        **_WHOLE_NODES,
    ),
    "jobs/pbs.sh": BatchJob(name="capsnet", scheduler="pbs"),
    "jobs/sge.sh": BatchJob(name="capsnet", scheduler="sge"),
    "jobs/lsf.sh": BatchJob(name="capsnet", scheduler="lsf"),
    "jobs/mpirun.sh": HostsJob(name="mpirun", launcher="mpirun"),
    "jobs/horovodrun.sh": HostsJob(name="horovodrun", launcher="horovodrun"),
}
_RENDERERS = {
    SlurmJob: slurm_script.render,
    BatchJob: batch_script.render,
    HostsJob: hosts_script.render,
}


def scripts() -> dict[str, str]:
    """Returns the text of every committed script by its path in the repository."""
    return {path: rendered(path, job) for path, job in JOBS.items()}


def rendered(path: str, job: SlurmJob | BatchJob | HostsJob) -> str:
    """Returns a script's text: the comment at the head of the file, and the job below it."""
    _shebang, *lines = (REPOSITORY / path).read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(re.compile("# |#$").match, lines)
    return _RENDERERS[type(job)](
        dataclasses.replace(job, header="\n".join(line[2:] for line in comment))
    )


def main() -> None:
    """Writes all scripts anew."""
    for path, text in scripts().items():
        (REPOSITORY / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
