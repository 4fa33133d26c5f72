"""The commands `train`, `evaluate`, `reconstruct`, `perturb` and `summary`."""

import os

import click

from caps_hvd.cli.options import (
    READING,
    ConfigCommand,
    ImageShape,
    ModelName,
    OneOf,
    Picture,
    config_options,
    given,
)
from caps_hvd.config.train_config import TrainConfig

_RUN = click.argument("run")
_DATA = ("dataset", "data_dir", *READING, "rotation_degrees", "test_samples")


@click.command(cls=ConfigCommand)
@click.option("--config", "config_file", metavar="FILE", help="TOML file with the keys below.")
@config_options()
@click.pass_context
def train(context, config_file, **_):
    """Train a model, alone or as one rank of many.

    Ranks are what mpirun, horovodrun, srun or `caps-hvd launch` starts.
    Options win over the file given with --config, and both over the defaults.
    """
    from caps_hvd.config.file import load
    from caps_hvd.distributed.environment import launched_rank

    if launched_rank() > 0 and config_file and not os.path.exists(config_file):
        config_file = None  # rank 0's configuration counts; its host has the file
    settings = load(config_file, given(context))

    from caps_hvd.training import run

    run.train(settings, command_line=context.meta["command_line"])


@click.command(cls=ConfigCommand)
@_RUN
@config_options(*_DATA, "batch_size", default="the run's")
@click.option(
    "--part", type=OneOf(["test", "validation"]), default="test", show_default=True,
    help="Images of the run's data set; validation are those that its epoch was chosen by.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def evaluate(context, run, part, as_json, **_):
    """Test a trained model: accuracy, loss and confusions.

    RUN is the folder of a run. The data set is its own, or another.
    """
    from caps_hvd.inspection import commands

    commands.evaluate(run, given(context), as_json, part)


@click.command(cls=ConfigCommand)
@_RUN
@config_options(*_DATA, default="the run's")
@click.option(
    "--images", type=click.IntRange(1, 1000), default=20, show_default=True,
    help="How many: the first test image of each class, then the second.",
)  # fmt: skip
@click.option("--output", type=Picture(), help="File to write, RUN/reconstructions.png by default.")
@click.pass_context
def reconstruct(context, run, images, output, **_):
    """Draw test images beside their reconstructions.

    RUN is the folder of a run. Images of your own: `caps-hvd classify` with --reconstructions.
    """
    from caps_hvd.inspection import commands

    commands.reconstruct(run, given(context), images, output)


@click.command(cls=ConfigCommand)
@_RUN
@config_options(*_DATA, default="the run's")
@click.option("--digit", type=int, help="Class to perturb, as a number.")
@click.option("--class-name", help="Class to perturb, by name.")
@click.option(
    "--sample", type=click.IntRange(0), default=0, show_default=True,
    help="Which of the class' test images, counted from 0.",
)  # fmt: skip
@click.option("--output", type=Picture(), help="File to write, RUN/perturb-CLASS.png by default.")
@click.pass_context
def perturb(context, run, digit, class_name, sample, output, **_):
    """Draw an image with each dimension of its capsule changed.

    RUN is the folder of a run; each dimension is swept from -0.25 to 0.25.
    """
    from caps_hvd.inspection import commands

    commands.perturb(run, given(context), digit, class_name, sample, output)


@click.command(cls=ConfigCommand)
@click.argument("model", type=ModelName(), metavar="MODEL")
@config_options(
    "preset", "routing_iterations", "weight_sharing", "decoder", "precision", "lanes", "lane_type",
    "lane_width", "lane_depth", "lane_list", "lane_routing",
)  # fmt: skip
@click.option("--image-shape", type=ImageShape(), default="28x28x1", show_default=True)
@click.option("--classes", type=click.IntRange(1), default=10, show_default=True)
@click.pass_context
def summary(context, model, image_shape, classes, **_):
    """List the layers of a model, with parameters and costs.

    Costs are FLOPs and bytes of activations, per image.
    """
    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd import models
    from caps_hvd.report.model_summary import to_text

    config = TrainConfig(model=model, **given(context))
    models.set_precision(config.precision)
    built = models.build(config.model_options(), image_shape, classes)
    click.echo(to_text(f"{model} ({built.preset})", image_shape, models.summary(built)))
