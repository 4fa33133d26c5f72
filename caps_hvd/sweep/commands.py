"""What `caps-hvd sweep` does: definition, folder, executor and display put together."""

from pathlib import Path

from caps_hvd.launch.jobs.image import check_image
from caps_hvd.launch.start import check_names
from caps_hvd.sweep import plan_check, state
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.directory import SweepDirectory, read_definition
from caps_hvd.sweep.engine import Sweep, check_complete, check_detach, hosts_of
from caps_hvd.sweep.executors import Executor
from caps_hvd.sweep.points import plan
from caps_hvd.sweep.references import check_data_sets


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
    sweep = carry_out(
        definition,
        directory_of(path, definition, output),
        dry_run=dry_run,
        detach=detach,
        collect=collect,
        retry_failed=retry_failed,
    )
    if sweep and not collect:
        check_complete(sweep, sweep.failed())


def directory_of(path, definition: SweepDefinition, output=None) -> SweepDirectory:
    """The folder of a sweep; see `run`."""
    folder = Path(path) if Path(path).is_dir() else Path("sweeps", definition.name)
    return SweepDirectory.at(output or folder)


def carry_out(
    definition: SweepDefinition,
    directory: SweepDirectory,
    *,
    dry_run=False,
    detach=False,
    collect=False,
    retry_failed=True,
) -> Sweep | None:
    """Runs a sweep without complaining of points that fail.

    Args:
        definition, directory: of the sweep.
        dry_run, detach, collect, retry_failed: see `run`.

    Returns:
        The sweep as it is now, None after a dry run.

    Raises:
        ConfigError: the definition is wrong.
        RunError: the folder cannot be used.
    """
    if detach:
        check_detach(definition)
    hosts = hosts_of(definition)
    points = plan(definition, hosts)
    if not collect:
        check_data_sets(definition, points)
        check_image(definition.slurm.container, definition.where("slurm", "container"))
    if dry_run:
        _show_plan(definition, directory, points)
        return None
    if definition.hostfile is not None and not collect:
        most = max(definition.machine_counts)
        check_names(hosts[:most], str(definition.path.parent / definition.hostfile))
    with directory.locked():
        sweep = Sweep(definition, directory, hosts)
        _run(sweep, detach, collect, retry_failed)
        return sweep


def _show_plan(definition, directory, points) -> None:
    from caps_hvd.sweep.display import plan_text

    begun = directory.points.exists()
    if begun:
        plan_check.check(directory, definition, points, state.read(directory.state))
    done = {p.name: directory.epochs_done(p) for p in points} if begun else None
    print(plan_text(points, done))
    jobs = ""
    if definition.launcher == "slurm":
        from caps_hvd.sweep.executors.slurm import jobs_of

        jobs = f" in {len(jobs_of(definition, [directory.task(p) for p in points]))} jobs of Slurm"
    print(f"{len(points)} points{jobs}; {directory}")


def _run(sweep: Sweep, detach, collect, retry_failed) -> None:
    from caps_hvd.sweep.display import display, summary_line

    executor = executor_for(sweep.definition)
    if collect:
        sweep.collect(executor)
        print(summary_line(sweep))
        return
    try:
        with display(sweep) as shown:
            sweep.run(
                executor,
                shown.tell,
                refresh=shown.refresh,
                retry_failed=retry_failed,
                detach=detach,
            )
    except KeyboardInterrupt:
        print(f"stopped, the same command goes on: {summary_line(sweep)}", flush=True)
        raise
    print(summary_line(sweep))


def executor_for(definition: SweepDefinition) -> Executor:
    """What carries out the points, by the definition's launcher."""
    if definition.launcher == "slurm":
        from caps_hvd.sweep.executors.slurm import SlurmExecutor

        return SlurmExecutor(definition)
    from caps_hvd.sweep.executors.local import LocalExecutor

    return LocalExecutor(definition)
