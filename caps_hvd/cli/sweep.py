"""`caps-hvd sweep`: train all points of a grid, on one machine, several, or a cluster."""

import click


def sweep_options(command):
    """A decorator that adds the options of carrying a sweep out."""
    for option in (
        click.option(
            "--retry-failed/--no-retry-failed",
            default=True,
            help="Try failed points again.  [default: yes]",
        ),
        click.option("--collect", is_flag=True, help="Only gather what is finished into sweep.h5."),
        click.option("--detach", is_flag=True, help="Leave the jobs in Slurm's queue and end."),
        click.option("--dry-run", is_flag=True, help="Print the plan and end."),
        click.option(
            "--output", metavar="DIR", help="Folder of the sweep, sweeps/<name> by default."
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("definition", metavar="DEFINITION")
@sweep_options
def sweep(definition, output, dry_run, detach, collect, retry_failed):
    """Train every point of a grid of machine counts and options that a TOML file defines.

    The same command again goes on where it was interrupted, and repeats nothing that is finished.
    jobs/*.toml are definitions to start from; docs/sweeps.md says what they hold.
    DEFINITION may also be the folder of a sweep that was begun.
    """
    from caps_hvd.sweep import commands

    return commands.run(
        definition,
        output=output,
        dry_run=dry_run,
        detach=detach,
        collect=collect,
        retry_failed=retry_failed,
    )
