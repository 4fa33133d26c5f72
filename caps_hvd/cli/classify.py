"""`caps-hvd classify`: what a trained network takes images for."""

import sys

import click

from caps_hvd.cli.options import ConfigCommand, OneOf, config_options, given
from caps_hvd.errors import ConfigError
from caps_hvd.io.options import flag

_READING = ("image_shape", "image_layout", "pixel_range")
_DATA_SET = ("dataset", "data_dir")


@click.command(cls=ConfigCommand)
@click.argument("run")
@click.argument("images", nargs=-1, metavar="IMAGES...")
@click.option(
    "--part", type=OneOf(["test", "validation", "train"]),
    help="Images of the run's data set, with their true classes, in place of IMAGES.",
)  # fmt: skip
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
@config_options(*_DATA_SET, *_READING, default="the run's")
@click.pass_context
def classify(context, run, images, part, form, output, reconstructions, batch_size, array, **_):
    """Classify images with a trained model.

    RUN is the folder of a run. IMAGES are pictures, folders of them, patterns such as "*.png", .npz
    and HDF5 files, or - for paths from a pipe. With --part they are those of the run's data set.

    Ends with 1 where an image could not be read; the others are classified.
    """
    from caps_hvd.inspection import classify as program

    overrides = given(context)
    _check_words(context, images, part, array, overrides)
    if part:
        sources = program.PartImages(run, part, overrides)
    else:
        pipe = getattr(sys.stdin, "buffer", None)
        sources = program.sources_of(run, images, array, overrides, pipe)
    return program.classify(
        run, sources, batch_size=batch_size, form=form, output=output,
        reconstructions=reconstructions,
    )  # fmt: skip


def _check_words(context, images, part, array, overrides) -> None:
    """Refuses options that say something of images that are not classified."""
    if not (images or part):
        (argument,) = (each for each in context.command.params if each.name == "images")
        raise click.MissingParameter(ctx=context, param=argument)
    if part and (images or array):
        received = f"--array {array}" if array else images[0]
        raise ConfigError(
            f"--part: expected it alone, since it names images of the run's data set, received "
            f"{received}, too; leave one of them out"
        )
    for name in _DATA_SET:
        if not part and name in overrides:
            raise ConfigError(
                f"{flag(name)}: expected it with --part, which names images of a data set; add "
                "--part test, or leave it out"
            )
