"""`caps-hvd data`: find data sets, and convert them."""

import click

from caps_hvd.cli.options import ConfigCommand, OneOf, config_options, given


@click.group()
def data():
    """Find data sets, and convert them to HDF5."""


@data.command("list", cls=ConfigCommand)
@config_options("data_dir")
@click.pass_context
def data_list(context, **_):
    """List the data sets that can be loaded without a network."""
    from caps_hvd.inspection import commands

    commands.data_list(**given(context))


@data.command("convert", cls=ConfigCommand)
@click.argument("name")
@click.argument("path")
@config_options("data_dir", "rotation_degrees")
@click.option("--compression", type=OneOf(["gzip", "lzf"]), help="Slower to read.")
@click.pass_context
def data_convert(context, name, path, compression, **_):
    """Write a data set as an HDF5 file, of which each rank reads only its own rows."""
    from caps_hvd.inspection import commands

    commands.data_convert(name, path, compression=compression, **given(context))
