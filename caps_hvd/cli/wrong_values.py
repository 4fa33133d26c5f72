"""The line for a value that click refuses, in the words of the configuration's own errors."""

import re

import click

_REFUSED = re.compile(r"(?P<value>.+) is not (?:in the range .+|a valid (?:integer|float).*)")


def explain(error: click.BadParameter) -> str:
    """Returns what an option or argument expected, and what it received.

    Example:
        `--images: expected an integer from 1 to 1000, received 5000`
    """
    parameter = error.param
    if parameter.param_type_name == "option":
        name = max(parameter.opts, key=len)
    else:
        name = parameter.make_metavar(error.ctx)
    message = " ".join(error.message.split()).rstrip(".")
    refused = _REFUSED.fullmatch(message)
    if refused and (expected := _number(parameter.type)):
        return f"{name}: expected {expected}, received {refused['value']}"
    return f"{name}: {message}"


def _number(kind: click.ParamType) -> str:
    """The numbers that a type of click's takes, in words; empty where it takes no numbers."""
    integer = isinstance(kind, click.types.IntParamType)
    if not integer and not isinstance(kind, click.types.FloatParamType):
        return ""
    words = "an integer" if integer else "a number"
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f"{words} from {low} to {high}"
    if low is not None:
        return f"{words} {'above' if kind.min_open else 'of at least'} {low}"
    return f"{words} of at most {high}" if high is not None else words
