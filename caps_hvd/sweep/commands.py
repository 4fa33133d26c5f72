"""The command `caps-hvd sweep`: definition, folder, executor and display put together."""

import sys
from pathlib import Path

from caps_hvd.errors import ConfigError
from caps_hvd.launch.jobs.job import check_image
from caps_hvd.launch.start import check_names
from caps_hvd.sweep import plan_check, state
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.directory import SweepDirectory, read_definition
from caps_hvd.sweep.display import event_line, live_table, plan_text, summary_line
from caps_hvd.sweep.engine import Sweep, check_complete, hosts_of
from caps_hvd.sweep.executors.base import Executor
from caps_hvd.sweep.executors.local import LocalExecutor
from caps_hvd.sweep.executors.slurm import SlurmExecutor, jobs_of
from caps_hvd.sweep.options import SweepOptions
from caps_hvd.sweep.points import plan
from caps_hvd.sweep.references import check_data_sets, with_model_digests


def run(path, options: SweepOptions) -> None:
    """Runs a sweep, or what of it is left.

    Args:
        path: of the definition, or of the folder of a sweep that was begun.
        options: of this invocation.

    Raises:
        ConfigError: the definition is wrong.
        RunError: the folder cannot be used, or points failed; the message names their logs.
    """
    definition = read_definition(path)
    sweep = carry_out(definition, directory_of(path, definition, options), options)
    if sweep:
        check_complete(sweep, options)


def directory_of(path, definition: SweepDefinition, options: SweepOptions) -> SweepDirectory:
    """Returns the folder of a sweep; see `run`."""
    folder = Path(path) if Path(path).is_dir() else Path("sweeps", definition.name)
    return SweepDirectory(options.output or folder)


def carry_out(
    definition: SweepDefinition, directory: SweepDirectory, options: SweepOptions
) -> Sweep | None:
    """Runs a sweep without complaining of points that fail.

    Args:
        definition, directory: of the sweep.
        options: of this invocation.

    Returns:
        The sweep as it is now, None after a dry run.

    Raises:
        ConfigError: the definition is wrong.
        RunError: the folder cannot be used.
    """
    if options.detach and definition.launcher != "slurm":
        raise ConfigError(
            f"--detach: it leaves jobs in Slurm's queue, but {definition.path} has launcher = "
            f'"{definition.launcher}"; start the sweep in tmux, or under nohup'
        )
    definition = directory.as_begun(definition)
    if not options.collect:
        definition = with_model_digests(definition)
    hosts = hosts_of(definition)
    points = plan(definition, hosts)
    if not options.collect:
        check_data_sets(definition, points)
        check_image(definition.slurm.container, definition.where("slurm", "container"))
    if options.dry_run:
        _show_plan(definition, directory, points)
        return None
    if definition.hostfile is not None and not options.collect:
        most = max(definition.machine_counts)
        check_names(hosts[:most], str(definition.path.parent / definition.hostfile))
    with directory.locked():
        sweep = Sweep(definition, directory, hosts)
        executor = executor_for(definition)
        if options.collect:
            sweep.collect(executor)
        else:
            _run(sweep, executor, options)
        print(summary_line(sweep))
        return sweep


def _show_plan(definition, directory, points) -> None:
    done = None
    if directory.points.exists():
        plan_check.check(directory, definition, points, state.read(directory.state))
        done = {point.name: directory.epochs_done(point) for point in points}
    print(plan_text(points, done))
    jobs = ""
    if definition.launcher == "slurm":
        jobs = f" in {len(jobs_of(definition, [directory.task(p) for p in points]))} jobs of Slurm"
    print(f"{len(points)} points{jobs}; {directory}")


def _run(sweep, executor, options) -> None:
    try:
        if sys.stdout.isatty():
            with live_table(sweep) as live:
                sweep.run(
                    executor, options, on_change=lambda *_: live.refresh(), on_poll=live.refresh
                )
        else:
            sweep.run(
                executor, options, on_change=lambda *each: print(event_line(*each), flush=True)
            )
    except KeyboardInterrupt:
        print(f"stopped, the same command goes on: {summary_line(sweep)}", flush=True)
        raise


def executor_for(definition: SweepDefinition) -> Executor:
    """Returns the executor of the points, by the definition's launcher."""
    return (SlurmExecutor if definition.launcher == "slurm" else LocalExecutor)(definition)
