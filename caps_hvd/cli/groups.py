"""Groups of commands: their help by what one does, the line for a word that is none, old names."""

from collections.abc import Mapping

import click

from caps_hvd.cli.usage_errors import PROGRAM, Misplaced, no_such_command


class CommandGroup(click.Group):
    """A group whose help has the first sentence of each command, whole.

    Args:
        sections: heading -> names of the commands under it; by default all are under one.
    """

    def __init__(self, *args, sections: Mapping[str, tuple[str, ...]] | None = None, **attributes):
        super().__init__(*args, **attributes)
        self.sections = sections

    def format_commands(self, ctx, formatter):
        width = max(map(len, self.commands))
        for heading, names in (self.sections or {"Commands": sorted(self.commands)}).items():
            with formatter.section(heading):
                rows = [(f"{name:{width}}", _sentence(self.commands[name])) for name in names]
                formatter.write_dl(rows)

    def resolve_command(self, ctx, args):
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise Misplaced(no_such_command(args[0], ctx, ctx.find_root().command), ctx)
        return super().resolve_command(ctx, args)


class FormerName(click.Command):
    """A command under the name that it had before; no help lists it.

    Args:
        name: the former one.
        command: under its name of now.
    """

    def __init__(self, name, command):
        super().__init__(
            name,
            params=command.params,
            callback=command.callback,
            help=command.help,
            hidden=True,
        )
        self.command = command

    def invoke(self, ctx):
        click.echo(
            f"note: `{PROGRAM} {self.name}` is called `{PROGRAM} {self.command.name}` now", err=True
        )
        return super().invoke(ctx)


def _sentence(command) -> str:
    return command.get_short_help_str(limit=1000)
