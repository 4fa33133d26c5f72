"""The command line, `caps-hvd`; everything heavy is imported by the command that needs it."""

import os
import sys

import click

from caps_hvd import __version__
from caps_hvd.cli_options import ConfigCommand, config_options, given
from caps_hvd.errors import ConfigError

_RUN = click.argument("run")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="caps-hvd")
def cli():
    """Train capsule networks on one machine or on a cluster, and look at what they learnt."""


@cli.command(cls=ConfigCommand)
@click.option("--config", "config_file", metavar="FILE", help="TOML file with the keys below.")
@config_options()
@click.pass_context
def train(context, config_file, **_):
    """Train a model: alone, or as one of the ranks that mpirun, horovodrun or srun started.

    Options win over the file given with --config, and both over the defaults.
    """
    from caps_hvd import config
    from caps_hvd.distributed.launched import launched_rank

    if launched_rank() > 0 and config_file and not os.path.exists(config_file):
        config_file = None  # rank 0's configuration counts; its host has the file
    settings = config.load(config_file, given(context))

    from caps_hvd import train as program

    program.train(settings, command_line=_command_line(context))


@cli.command(cls=ConfigCommand)
@_RUN
@config_options(
    "dataset", "data_dir", "rotation_degrees", "test_samples", "batch_size", default="the run's"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def evaluate(context, run, as_json, **_):
    """Test a trained model: accuracy, loss and confusions, on its own data set or another."""
    from caps_hvd import commands

    commands.evaluate(run, given(context), as_json)


@cli.command(cls=ConfigCommand)
@_RUN
@config_options("dataset", "data_dir", "rotation_degrees", "test_samples", default="the run's")
@click.option("--images", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--output", metavar="PNG", help="File to write, RUN/reconstructions.png by default.")
@click.pass_context
def reconstruct(context, run, images, output, **_):
    """Draw test images beside what the model reconstructs of them."""
    from caps_hvd import commands

    commands.reconstruct(run, given(context), images, output)


@cli.command(cls=ConfigCommand)
@_RUN
@config_options("dataset", "data_dir", "rotation_degrees", "test_samples", default="the run's")
@click.option("--digit", type=int, help="Class to perturb, as a number.")
@click.option("--class-name", help="Class to perturb, by name.")
@click.option(
    "--sample", type=click.IntRange(0), default=0, show_default=True,
    help="Which of the class' test images, counted from 0.",
)  # fmt: skip
@click.option("--output", metavar="PNG", help="File to write, RUN/perturb-CLASS.png by default.")
@click.pass_context
def perturb(context, run, digit, class_name, sample, output, **_):
    """Draw an image with each dimension of its capsule swept from -0.25 to 0.25."""
    from caps_hvd import commands

    commands.perturb(run, given(context), digit, class_name, sample, output)


@cli.command(cls=ConfigCommand)
@click.argument("model")
@config_options("preset", "routing_iterations", "decoder", "precision")
@click.option("--image-shape", metavar="HxWxC", default="28x28x1", show_default=True)
@click.option("--classes", type=click.IntRange(1), default=10, show_default=True)
@click.pass_context
def summary(context, model, image_shape, classes, **_):
    """List a model's layers: parameters, FLOPs and activation bytes per image."""
    from caps_hvd import commands

    commands.summary(model, image_shape, classes, given(context))


@cli.group()
def data():
    """Find data sets, and convert them to HDF5."""


@data.command("list", cls=ConfigCommand)
@config_options("data_dir")
@click.pass_context
def data_list(context, **_):
    """List the data sets that can be loaded without a network."""
    from caps_hvd import commands

    commands.data_list(**given(context))


@data.command("convert", cls=ConfigCommand)
@click.argument("name")
@click.argument("path")
@config_options("data_dir", "rotation_degrees")
@click.option("--compression", type=click.Choice(["gzip", "lzf"]), help="Slower to read.")
@click.pass_context
def data_convert(context, name, path, compression, **_):
    """Write a data set as an HDF5 file, of which each rank reads only its own rows."""
    from caps_hvd import commands

    commands.data_convert(name, path, compression=compression, **given(context))


@cli.command()
def doctor():
    """Say what is installed and what training would use; end with 1 where it could not work."""
    from caps_hvd.doctor import main as examine

    return examine()


def main(arguments=None):
    """Runs the command line and ends the process: 0, 2 for a mistake, 1 for a bug."""
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
    message = " ".join(error.format_message().split()).rstrip(".?")
    return f"{message}; `{command} --help` says more"


def _command_line(context) -> list[str]:
    # Not sys.argv[0]: where this program is installed is no part of an experiment.
    return [*context.command_path.split(), *context.meta.get("arguments", ())]


if __name__ == "__main__":
    main()
