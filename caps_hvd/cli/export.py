"""`caps-hvd export`: a trained network as a file for other programs."""

import click

from caps_hvd.cli.options import OneOf, Remembering
from caps_hvd.inspection.export_formats import FORMATS, INPUT_RANGES, OUTPUTS


@click.command(cls=Remembering)
@click.argument("run")
@click.option(
    "--format", "kind", type=OneOf(list(FORMATS)), required=True,
    help="keras is read by Keras where this package is installed, the others by TensorFlow and by "
    "ONNX runtimes without it.",
)  # fmt: skip
@click.option("--output", metavar="PATH", help="File to write, RUN/network.* by default.")
@click.option(
    "--input-range", type=OneOf(list(INPUT_RANGES)), default="0-255", show_default=True,
    help="Values of black and white in the images that the file takes.",
)  # fmt: skip
@click.option(
    "--outputs", type=OneOf(OUTPUTS), multiple=True, default=OUTPUTS[:1], show_default=True,
    help="What it gives; several times for several.",
)  # fmt: skip
def export(run, kind, output, input_range, outputs):
    """Write a trained network into a file for other programs.

    RUN is the folder of a run. The file has the names of the classes in it.
    """
    from caps_hvd.inspection import commands

    commands.export(run, kind, output, input_range, tuple(dict.fromkeys(outputs)))
