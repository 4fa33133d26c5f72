"""The command line `caps-hvd`: its commands and its exit codes.

A module of this folder declares commands and imports click alone. Everything heavy is imported by
the command that needs it, so that `--help` answers at once.
"""

import sys

import click

from caps_hvd import __version__
from caps_hvd.cli import (
    data,
    hosts,
    lanes,
    launch,
    optimize,
    predict,
    report,
    schedule,
    submit,
    sweep,
    training,
)
from caps_hvd.errors import ConfigError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="caps-hvd")
def cli():
    """Train capsule networks on one machine or on a cluster, and look at what they learnt."""


@click.command()
def doctor():
    """Say what is installed and what training would use; end with 1 where it could not work."""
    from caps_hvd.launch.hosts.doctor import main as examine

    return examine()


for command in (
    training.train,
    training.evaluate,
    training.reconstruct,
    training.perturb,
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
    predict.calibrate,
    predict.predict,
    doctor,
):
    cli.add_command(command)


def main(arguments=None):
    """Runs the command line and ends the process: with 0, 2 for a mistake, or 1 for a bug."""
    from caps_hvd.distributed.guard import run_guarded

    sys.exit(run_guarded(lambda: _run(arguments)))


def _run(arguments):
    try:
        return cli.main(args=arguments, prog_name="caps-hvd", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.UsageError as error:
        raise ConfigError(_one_line(error)) from None
    except click.Abort:
        raise KeyboardInterrupt from None


def _one_line(error) -> str:
    command = error.ctx.command_path if error.ctx else "caps-hvd"
    if isinstance(error, click.NoSuchOption):
        close = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ";"
        return f"{error.option_name}: no such option{close} `{command} --help` lists them all"
    message = " ".join(error.format_message().split()).rstrip(".").replace(". Did", "; did")
    return f"{message}{'' if message.endswith('?') else ';'} `{command} --help` says more"
