"""The commands `caps-hvd data list` and `caps-hvd data convert`."""

import click

from caps_hvd.cli.groups import CommandGroup
from caps_hvd.cli.options import READING, ConfigCommand, OneOf, config_options, given


@click.group(cls=CommandGroup)
def data():
    """Find data sets, and convert them to HDF5."""


@data.command("list", cls=ConfigCommand)
@config_options("data_dir")
@click.pass_context
def data_list(context, **_):
    """List the data sets that can be loaded without a network."""
    from caps_hvd.data import available

    for found in available(**given(context)):
        click.echo(f"{found.name:<16} {found.format:<13} {found.path or ''}".rstrip())


@data.command("convert", cls=ConfigCommand)
@click.argument("name")
@click.argument("path")
@config_options("data_dir", *READING, "seed", "rotation_degrees")
@click.option("--compression", type=OneOf(["gzip", "lzf"]), help="Slower to read.")
@click.pass_context
def data_convert(context, name, path, compression, **_):
    """Write a data set as an HDF5 file.

    Each rank then reads only its own rows of it.
    """
    from caps_hvd.config.file import load
    from caps_hvd.data import convert, missing_classes
    from caps_hvd.training.build import read_options

    settings = load(overrides={"dataset": name} | given(context))
    dataset = convert(
        name,
        settings.data_dir,
        path,
        rotation_degrees=settings.rotation_degrees,
        compression=compression,
        options=read_options(settings),
    )
    if dataset.reading:
        click.echo(f"{name} is read as: {dataset.reading}")
    click.echo(
        f"{path}: {len(dataset.train):,} training and {len(dataset.test):,} test images "
        f"of {'x'.join(map(str, dataset.image_shape))} in {dataset.classes} classes"
    )
    for line in missing_classes(dataset):
        click.echo(line)
