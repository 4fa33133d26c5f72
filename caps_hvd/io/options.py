"""Options: dataclass fields that carry their help, unit, choices and range.

Configuration files, the command line, the checks and the documentation are all made from these
descriptions, so that an option is written down in exactly one place.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping

from caps_hvd.errors import ConfigError, nearest

GROUPS = (
    "Model", "Lanes", "Data", "Validation", "Fine tuning", "Training", "Schedule", "Distribution",
    "Run",
)  # fmt: skip
FROM_THE_START = object()  # in place of a value before the option was added


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """The description of one field of a configuration, besides its type and default.

    Args:
        help: one sentence for `--help` and for the documentation.
        group: heading that an option of training stands under, one of `GROUPS`; else empty.
        unit: unit of the value, for people.
        choices: the only values allowed.
        form: that a text may have where it is none of the choices, for people; `parse` checks it.
        minimum, maximum: inclusive bounds.
        above: exclusive lower bound.
        none: the word that stands for None in a file and on the command line.
        in_file: False for what belongs to one invocation and not to the experiment.
        decides_result: False where a run may be resumed with another value.
        check_items: for a list: from its items or their texts to the tuple that is kept, or an
            error.
        parse: for a text with a form: from it to what it means, or an error.
        read: for a list: from a file that the command line names to its items.
        value_before_added: what runs did before the option was added to those that decide a
            result; at this value it leaves their digest as it was.
    """

    help: str
    group: str = ""
    unit: str | None = None
    choices: tuple | None = None
    form: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    none: str | None = None
    in_file: bool = True
    decides_result: bool = True
    check_items: Callable | None = None
    parse: Callable | None = None
    read: Callable | None = None
    value_before_added: object = FROM_THE_START


def option(default, help, group="", **facts):
    """A dataclass field with a default and an `Option` made of the other arguments."""
    return dataclasses.field(
        default=default, metadata={"option": Option(help=help, group=group, **facts)}
    )


def option_of(field: dataclasses.Field) -> Option:
    """The description that a field of a `TrainConfig` carries."""
    return field.metadata["option"]


def plain(value):
    """A value as files hold it: the items of a list as their texts."""
    return list(map(str, value)) if isinstance(value, tuple) else value


def value_type(field: dataclasses.Field) -> tuple[type, bool]:
    """The plain type of a field, and whether it may be None."""
    if isinstance(field.type, types.UnionType):
        plain = [kind for kind in typing.get_args(field.type) if kind is not types.NoneType]
        return typing.get_origin(plain[0]) or plain[0], True
    return typing.get_origin(field.type) or field.type, False


def flag(name: str) -> str:
    """The command-line option of a key: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


def describe_expected(field: dataclasses.Field) -> str:
    """What a field takes, in words: `an integer of at least 1 (images per rank)`."""
    kind, _ = value_type(field)
    option = option_of(field)
    none = " ".join(f"or {word}" for word in (option.form, option.none) if word)
    if option.choices:
        return " ".join(filter(None, ["one of", ", ".join(option.choices), none]))
    words = {
        int: "an integer", float: "a number", str: "text", bool: "true or false", tuple: "a list"
    }[kind]  # fmt: skip
    unit = f"({option.unit})" if option.unit else ""
    return " ".join(filter(None, [words, describe_range(option), unit, none]))


def describe_range(option: Option) -> str:
    """The bounds of a number in words: `of at least 1`, or nothing where there are none."""
    if option.minimum is not None and option.maximum is not None:
        return f"from {option.minimum} to {option.maximum}"
    if option.minimum is not None:
        return f"of at least {option.minimum}"
    if option.above is not None and option.maximum is not None:
        return f"above {option.above} and up to {option.maximum}"
    return f"above {option.above}" if option.above is not None else ""


def check(field: dataclasses.Field, value, where: str | None = None):
    """The value as the field's type, or a one-line error that says what was expected.

    Args:
        field: a field of `TrainConfig`.
        value: what a file, a caller or the command line gave.
        where: what to call it in an error, the field's name by default.
    """
    kind, optional = value_type(field)
    option = option_of(field)
    if optional and (value is None or value == option.none is not None):
        return None
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and isinstance(value, list | tuple):
        try:
            return option.check_items(value)
        except ConfigError as error:
            raise ConfigError(f"{where or field.name}: {error}") from None
    if type(value) is not kind or not _in_range(option, value):
        close = nearest(value, option.choices) if option.choices else ""
        raise ConfigError(
            f"{where or field.name}: expected {describe_expected(field)}, received {value!r}{close}"
        )
    if option.parse is not None and value not in (option.choices or ()):
        try:
            option.parse(value)
        except ConfigError as error:
            raise ConfigError(f"{where or field.name}: {error}") from None
    return value


def check_keys(
    values: Mapping,
    fields: Iterable[dataclasses.Field],
    where: Callable[[str], str],
    page: str,
    check: Callable = check,
    elsewhere: Callable[[str], str] = lambda name: "",
    others: Iterable[str] = (),
) -> dict:
    """Returns the checked values of a mapping whose keys are options and need not be complete.

    Args:
        values: key -> value.
        fields: made with `option`; their names are the keys.
        where: key -> what to call it in an error, such as `run.toml: line 3: epochs`.
        page: of the documentation that lists the keys.
        check: field, value, what to call it -> the value that is kept.
        elsewhere: key that is unknown here -> where it belongs, or nothing.
        others: keys that were taken out of the mapping, to be named among the valid ones.

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    known = {field.name: field for field in fields}
    for name in values:
        if name not in known:
            problem = elsewhere(name) or unknown_key(name, [*known, *others], page)
            raise ConfigError(f"{where(name)}: {problem}")
    return {name: check(known[name], value, where(name)) for name, value in values.items()}


def _in_range(option: Option, value) -> bool:
    if option.choices is not None:
        return value in option.choices or (option.form is not None and ":" in value)
    if isinstance(value, str):
        return value != ""
    return (
        math.isfinite(value)
        and (option.minimum is None or value >= option.minimum)
        and (option.maximum is None or value <= option.maximum)
        and (option.above is None or value > option.above)
    )


def parse(field: dataclasses.Field, text: str):
    """The value that a command-line argument stands for, checked."""
    kind, _ = value_type(field)
    value = text
    if kind is tuple and text != option_of(field).none:
        return option_of(field).read(text)
    if kind in (int, float) and text != option_of(field).none:
        try:
            value = kind(text)
        except ValueError:
            value = text
    return check(field, value, flag(field.name))


def unknown_key(name: str, valid: Iterable[str], page: str) -> str:
    """What to say of a key that there is not: the nearest one and the page with all, or all.

    Example:
        >>> unknown_key("batchsize", ["batch_size", "epochs"], "docs/training.md")
        "unknown key; did you mean 'batch_size'? docs/training.md lists the keys"
    """
    hint = nearest(name, valid)
    more = f"{hint} {page} lists the keys" if hint else f"; the keys are {', '.join(valid)}"
    return f"unknown key{more}"
