"""Options of carrying a sweep out."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What one invocation is asked to do with a sweep.

    Args:
        output: the sweep's folder. Defaults to `sweeps/<name>`, or to the folder that was named in
            place of a definition.
        dry_run: print the plan, start nothing, write nothing. Defaults to False.
        detach: leave when all points are in Slurm's queue. Defaults to False.
        collect: gather what is finished, start nothing. Defaults to False.
        retry_failed: try points again that have failed before. Defaults to True.
    """

    output: str | None = None
    dry_run: bool = False
    detach: bool = False
    collect: bool = False
    retry_failed: bool = True
