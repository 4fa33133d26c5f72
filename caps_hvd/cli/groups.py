"""Groups of commands: their help, by what one does, and the line for a word that is none."""

from collections.abc import Mapping

import click

from caps_hvd.cli.usage_errors import Misplaced, no_such_command


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


def _sentence(command) -> str:
    return command.get_short_help_str(limit=1000)
