"""Options of the commands that report on a sweep, and how a report is shown."""

import click

from caps_hvd.cli.options import OneOf
from caps_hvd.errors import ConfigError

_PICTURES = ("png", "pdf", "svg")


class Pictures(click.ParamType):
    """Formats of pictures, separated by commas."""

    name = "FORMATS"

    def convert(self, value, param, ctx):
        formats = [each.strip() for each in value.split(",")]
        for each in formats:
            if each not in _PICTURES:
                raise ConfigError(
                    f"--pictures: expected formats among {', '.join(_PICTURES)}, received {each!r}"
                )
        return formats


def report_options(command):
    """A decorator that adds the options `kind`, `plots` and `pictures`."""
    for option in (
        click.option(
            "--pictures", type=Pictures(), default="png", show_default=True,
            help="Formats of the pictures, of png, pdf and svg, separated by commas.",
        ),
        click.option(
            "--plots/--no-plots", default=True, help="Draw pictures, too.  [default: yes]"
        ),
        click.option(
            "--format", "kind", type=OneOf(["text", "csv", "latex", "markdown", "json"]),
            default="text", show_default=True, help="What to print; files are written in all.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command
