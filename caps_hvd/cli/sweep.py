"""`caps-hvd sweep`: train all points of a grid, on one machine, several, or a cluster."""

import dataclasses
import functools

import click

from caps_hvd.sweep.options import SweepOptions


def sweep_options(command):
    """A decorator that adds the options of carrying a sweep out, handed over as `options`."""

    @click.option("--output", metavar="DIR", help="Folder of the sweep, sweeps/<name> by default.")
    @click.option("--dry-run", is_flag=True, help="Print the plan and end.")
    @click.option("--detach", is_flag=True, help="Leave the jobs in Slurm's queue and end.")
    @click.option("--collect", is_flag=True, help="Only gather what is finished into sweep.h5.")
    @click.option(
        "--retry-failed/--no-retry-failed",
        default=True,
        help="Try failed points again.  [default: yes]",
    )
    @functools.wraps(command)
    def with_options(**values):
        names = [field.name for field in dataclasses.fields(SweepOptions)]
        options = SweepOptions(**{name: values.pop(name) for name in names})
        return command(options=options, **values)

    return with_options


@click.command()
@click.argument("definition", metavar="DEFINITION")
@sweep_options
def sweep(definition, options):
    """Train every point of a grid of machine counts and options.

    DEFINITION is a TOML file.
    The same command again goes on where it was interrupted, and repeats nothing that is finished.
    jobs/*.toml are definitions to start from; docs/sweeps.md says what they hold.
    DEFINITION may also be the folder of a sweep that was begun.
    """
    from caps_hvd.sweep import commands

    return commands.run(definition, options)
