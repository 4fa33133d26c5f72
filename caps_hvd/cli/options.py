"""Command-line options made from the fields of `TrainConfig`."""

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from caps_hvd.config import train_config
from caps_hvd.config.data import parse_image_shape
from caps_hvd.errors import ConfigError, check_choice
from caps_hvd.io.options import (
    GROUPS,
    check,
    describe_range,
    flag,
    option_of,
    parse,
    value_type,
)


class FieldType(click.ParamType):
    """A command-line value that is parsed and checked as its field is."""

    def __init__(self, field):
        self.field = field
        kind, _ = value_type(field)
        option = option_of(field)
        self.choices = option.choices or ()
        words = {int: "INTEGER", float: "NUMBER", str: "TEXT", tuple: "FILE"}
        forms = filter(None, [*self.choices, option.form])
        self.name = "|".join(forms) if option.choices else words.get(kind, "")

    def get_metavar(self, param, ctx=None):
        return self.name

    def convert(self, value, param, ctx):
        return parse(self.field, value)

    def shell_complete(self, ctx, param, incomplete):
        words = (word for word in self.choices if word.startswith(incomplete))
        return [CompletionItem(word) for word in words]


class OneOf(click.Choice):
    """One of some words; a wrong one is told the nearest."""

    def convert(self, value, param, ctx):
        name = param.opts[0] if param.param_type_name == "option" else param.name.upper()
        check_choice(name, value, self.choices)
        return value


class ModelName(FieldType):
    """The name of a model as an argument, which is checked as the option is."""

    def __init__(self):
        super().__init__(next(each for each in train_config.fields() if each.name == "model"))

    def convert(self, value, param, ctx):
        return check(self.field, value, param.name.upper())


class ImageShape(click.ParamType):
    """Height, width and channels of an image: `28x28x1`."""

    name = "HxWxC"

    def convert(self, value, param, ctx):
        try:
            return parse_image_shape(value) if isinstance(value, str) else value
        except ConfigError as error:
            self.fail(str(error))


class Picture(click.ParamType):
    """A file to draw into, which will be a PNG image whatever its name says."""

    name = "PNG"

    def convert(self, value, param, ctx):
        if not value.lower().endswith(".png"):
            self.fail(f"expected a file name that ends in .png, received {value!r}", param, ctx)
        return value


class Remembering(click.Command):
    """A command that keeps its command line as typed, for records, as `meta["command_line"]`."""

    def parse_args(self, ctx, args):
        ctx.meta["command_line"] = [*ctx.command_path.split(), *args]
        return super().parse_args(ctx, args)


class ConfigCommand(Remembering):
    """A command whose help lists the options under the headings of the configuration."""

    def format_options(self, ctx, formatter):
        rows = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None:
                rows.setdefault(getattr(parameter, "group", "Options"), []).append(row)
        for heading in ("Options", *GROUPS):
            if heading in rows:
                with formatter.section(heading):
                    formatter.write_dl(rows[heading])


class ConfigOption(click.Option):
    """An option for one field of `TrainConfig`."""

    def __init__(self, declarations, field=None, **attributes):
        self.field = field
        self.group = option_of(field).group if field else "Options"
        super().__init__(declarations, **attributes)


def config_options(*names, default=None):
    """A decorator that adds an option for each of these fields, or for all.

    Args:
        names: of fields of `TrainConfig`; none for all of them.
        default: what the help says of the defaults, where they are not the configuration's own.
    """
    known = {field.name: field for field in train_config.fields()}

    def decorate(command):
        for name in reversed(names or known):
            command = _config_option(known[name], default)(command)
        return command

    return decorate


# Options that say how a file of one's own is read.
READING = (
    "image_shape", "image_layout", "pixel_range", "first_label", "array_names", "test_fraction",
)  # fmt: skip


def given(context) -> dict:
    """The fields that were given on the command line, with their values."""
    return {
        parameter.name: context.params[parameter.name]
        for parameter in context.command.params
        if isinstance(parameter, ConfigOption)
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }


def _config_option(field, default):
    kind, _ = value_type(field)
    name = flag(field.name)
    facts = {"cls": ConfigOption, "field": field, "default": None, "help": _help(field, default)}
    if kind is bool:
        return click.option(f"{name}/{name.replace('--', '--no-', 1)}", field.name, **facts)
    return click.option(name, field.name, type=FieldType(field), **facts)


def _help(field, default) -> str:
    kind, _ = value_type(field)
    option = option_of(field)
    if default is None:
        default = option.none if field.default is None else field.default
    bounds, unit = describe_range(option).removeprefix("of "), option.unit
    facts = [f"{bounds} ({unit})" if bounds and unit else bounds or unit]
    if kind is bool and isinstance(default, bool):
        facts.append("default: yes" if default else "default: no")
    elif default is not None:
        facts.append(f"default: {default}")
    facts = "; ".join(filter(None, facts))
    return f"{option.help}  [{facts}]" if facts else option.help
