"""The command line `caps-hvd`: its commands and its exit codes.

A module of this folder declares commands and imports click alone. Everything heavy is imported by
the command that needs it, so that `--help` answers at once.
"""

import sys

import click

from caps_hvd import __version__
from caps_hvd.cli import (
    classify,
    data,
    estimate,
    export,
    hosts,
    lanes,
    launch,
    missing,
    optimize,
    report,
    schedule,
    submit,
    sweep,
    training,
)
from caps_hvd.cli.groups import CommandGroup
from caps_hvd.cli.usage_errors import PROGRAM, explain
from caps_hvd.errors import ConfigError, SetupError

# What one does -> the commands for it, in the order in which one meets them.
_SECTIONS = {
    "Train and look": (
        "train",
        "evaluate",
        "classify",
        "reconstruct",
        "perturb",
        "export",
        "summary",
        "data",
    ),
    "On a cluster": ("launch", "submit", "hosts", "sweep", "report"),
    "Plan and choose": ("optimize", "schedule", "lanes", "calibrate", "estimate"),
    "Set up": ("doctor",),
}


@click.group(
    cls=CommandGroup, sections=_SECTIONS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name=PROGRAM)
def cli():
    """Train capsule networks on one machine or on a cluster, and look at what they learnt.

    `caps-hvd COMMAND --help` says what a command does and takes.
    """


@click.command()
def doctor():
    """Say what is installed, and whether training can work.

    Ends with 1 and the reasons where it could not.
    """
    from caps_hvd.launch.hosts.doctor import main as examine

    return examine()


for command in (
    training.train,
    training.evaluate,
    classify.classify,
    training.reconstruct,
    training.perturb,
    export.export,
    training.summary,
    schedule.schedule,
    data.data,
    report.report,
    sweep.sweep,
    optimize.optimize,
    submit.submit,
    hosts.hosts,
    lanes.lanes,
    launch.launch,
    estimate.calibrate,
    estimate.estimate,
    estimate.predict,
    doctor,
):
    cli.add_command(command)


def main(arguments=None):
    """Runs the command line and ends the process: with 0, 2 for a mistake, or 1 for a bug."""
    try:
        from caps_hvd.distributed.guard import run_guarded
    except ImportError as error:
        missing.end(error)
    sys.exit(run_guarded(lambda: _run(arguments)))


def _run(arguments):
    try:
        return cli.main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.UsageError as error:
        raise ConfigError(explain(error, cli)) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    except ImportError as error:
        if line := missing.explain(error):
            raise SetupError(line) from error
        raise
