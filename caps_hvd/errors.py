"""Errors that are meant for people.

The command line prints a `CapsHvdError` as one line, `caps_hvd: error: <message>`, on rank 0 and
ends every rank with its `exit_code`.  A message names the argument, what was expected, what was
received, and what to do.  Anything else that is raised is a bug and keeps its traceback.
"""

import difflib


class CapsHvdError(Exception):
    """Base class of every error that this package raises on purpose."""

    exit_code = 2


class ConfigError(CapsHvdError, ValueError):
    """An option, a configuration key or an argument is unknown or out of range."""


class DataError(CapsHvdError):
    """A data set is missing, truncated, or holds something that it must not."""


class RunError(CapsHvdError):
    """A run directory or a checkpoint cannot be used or cannot be written."""


class DivergedError(RunError):
    """Training has diverged: a loss or a weight is not a finite number any more.

    Args:
        message: one line for people.
        what: is not finite, in words, such as `loss is nan`.
        epoch: in which it was found, from 1.
        step: of the epoch since when, from 1; None at its end.
    """

    def __init__(self, message: str, what: str = "", epoch: int = 0, step: int | None = None):
        super().__init__(message)
        self.what, self.epoch, self.step = what, epoch, step


class StuckError(RunError):
    """Training has got stuck, in a state that it does not leave any more.

    Args:
        message: one line for people.
        epoch: at whose end it was found, from 1.
    """

    def __init__(self, message: str, epoch: int = 0):
        super().__init__(message)
        self.epoch, self.step = epoch, None


class DistributedError(CapsHvdError):
    """The ranks cannot work together, or one of them is gone."""


class SetupError(CapsHvdError):
    """The machine or the environment lacks something that training needs."""


def nearest(name, valid) -> str:
    """`; did you mean 'x'?` for the valid name closest to one that is not, or nothing."""
    close = difflib.get_close_matches(str(name), list(valid), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def check_choice(name: str, value, choices, failure: type[CapsHvdError] = ConfigError) -> None:
    """Refuses a value that is none of the choices.

    Args:
        name: what errors call the value, such as the option it was given with.
        value: as given.
        choices: what it may be.
        failure: what to raise. Defaults to `ConfigError`.

    Raises:
        ConfigError, or what `failure` says: it is none of them; the message lists them all.
    """
    if value not in choices:
        raise failure(
            f"{name}: expected one of {', '.join(choices)}, received {value!r}"
            f"{nearest(value, choices)}"
        )
