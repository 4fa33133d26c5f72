"""What `caps-hvd sweep` does: definition, folder, executor and display put together."""

from pathlib import Path

from caps_hvd.launch.data_sets import check_data_sets
from caps_hvd.launch.definition import SweepDefinition
from caps_hvd.launch.executors import Executor
from caps_hvd.launch.points import plan
from caps_hvd.launch.start import check_names
from caps_hvd.launch.sweep import Sweep, check_complete, check_detach, hosts_of
from caps_hvd.launch.sweep_directory import SweepDirectory, read_definition


def run(path, *, output, dry_run, detach, collect, retry_failed) -> None:
    """Runs a sweep, or what of it is left.

    Args:
        path: of the definition, or of the folder of a sweep that was begun.
        output: the sweep's folder, None for `sweeps/<name>`, or for `path` if that is one.
        dry_run: print the plan, start nothing, write nothing.
        detach: leave when all points are in Slurm's queue.
        collect: gather what is finished, start nothing.
        retry_failed: try points again that have failed before.

    Raises:
        ConfigError: the definition is wrong.
        RunError: the folder cannot be used, or points failed; the message names their logs.
    """
    definition = read_definition(path)
    if detach:
        check_detach(definition)
    if not collect:
        check_data_sets(definition)
    folder = Path(path) if Path(path).is_dir() else Path("sweeps", definition.name)
    directory = SweepDirectory.at(output or folder)
    hosts = hosts_of(definition)
    if dry_run:
        _show_plan(definition, directory, hosts)
        return
    if definition.hostfile is not None and not collect:
        most = max(definition.machine_counts)
        check_names(hosts[:most], str(definition.path.parent / definition.hostfile))
    with directory.locked():
        _run(Sweep(definition, directory, hosts), detach, collect, retry_failed)


def _show_plan(definition, directory, hosts) -> None:
    from caps_hvd.launch.sweep_display import plan_text

    points = plan(definition, hosts)
    begun = directory.points.exists()
    done = {p.name: directory.epochs_done(p) for p in points} if begun else None
    print(plan_text(points, done))
    jobs = ""
    if definition.launcher == "slurm":
        from caps_hvd.launch.executors.slurm import jobs_of

        jobs = f" in {len(jobs_of(definition, [directory.task(p) for p in points]))} jobs of Slurm"
    print(f"{len(points)} points{jobs}; {directory}")


def _run(sweep: Sweep, detach, collect, retry_failed) -> None:
    from caps_hvd.launch.sweep_display import display, summary_line

    executor = executor_for(sweep.definition)
    if collect:
        sweep.collect(executor)
        print(summary_line(sweep))
        return
    with display(sweep) as shown:
        sweep.run(
            executor,
            shown.tell,
            refresh=shown.refresh,
            retry_failed=retry_failed,
            detach=detach,
        )
    print(summary_line(sweep))
    check_complete(sweep, sweep.failed())


def executor_for(definition: SweepDefinition) -> Executor:
    """What carries out the points, by the definition's launcher."""
    if definition.launcher == "slurm":
        from caps_hvd.launch.executors.slurm import SlurmExecutor

        return SlurmExecutor(definition)
    from caps_hvd.launch.executors.local import LocalExecutor

    return LocalExecutor(definition)
