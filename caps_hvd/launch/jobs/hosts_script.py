"""Job scripts for clusters without Slurm: a `HostsJob` -> the text of its script."""

from caps_hvd.launch.jobs.job import TRAIN, HostsJob
from caps_hvd.launch.jobs.shell import Expression, command, comment, fill, setting


def render(job: HostsJob) -> str:
    """The script of a job.

    Example:
        >>> print(render(HostsJob(name="lab", launcher="mpirun")).splitlines()[0])
        #!/bin/bash
    """
    launch = (
        *("caps-hvd", "launch", "--launcher", job.launcher),
        *("-np", Expression("$ranks"), "--hostfile", Expression("$hostfile"), "--"),
    )
    return fill(
        "hosts.sh",
        {
            "header": comment(job.header),
            "environment": fill(
                "environment.sh",
                {"venv": setting("venv", "CAPS_HVD_VENV", Expression("$project/.venv"))},
            ),
            "run_dir": setting("run_dir", "CAPS_HVD_RUN_DIR", f"runs/{job.name}"),
            "launch": command((*launch, *TRAIN, Expression("$@")), indent="    "),
        },
    )
