"""`caps-hvd classify`: what a trained network takes images for."""

import sys

import click

from caps_hvd.cli.options import ConfigCommand, OneOf, config_options, given

_READING = ("image_shape", "image_layout", "pixel_range")


@click.command(cls=ConfigCommand)
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--format", "form", type=OneOf(["text", "csv", "jsonl"]), default="text", show_default=True,
    help="Of the lines, one for each image.",
)  # fmt: skip
@click.option("--output", metavar="FILE", help="File to write the lines to.")
@click.option(
    "--reconstructions", metavar="FOLDER",
    help="Folder for pictures of each image beside its reconstruction.",
)  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(1), default=100, show_default=True,
    help="Images that are computed at once.",
)  # fmt: skip
@click.option("--array", metavar="NAME", help="Array in a file that has several of images.")
@config_options(*_READING, default="the run's")
@click.pass_context
def classify(context, run, images, form, output, reconstructions, batch_size, array, **_):
    """Classify images with a trained model.

    RUN is the folder of a run. IMAGES are pictures, folders of them, patterns such as "*.png", .npz
    and HDF5 files, or - for paths from a pipe.

    Ends with 1 where an image could not be read; the others are classified.
    """
    from caps_hvd.inspection import classify as program

    sources = program.sources_of(
        run, images, array, given(context), getattr(sys.stdin, "buffer", None)
    )
    return program.classify(
        run, sources, batch_size=batch_size, form=form, output=output,
        reconstructions=reconstructions,
    )  # fmt: skip
