"""The one exception of the set-up program."""


class SetupFailure(Exception):
    """A reason, in one line, why the set-up cannot go on and what to do about it."""
