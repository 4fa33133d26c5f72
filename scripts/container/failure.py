"""The one exception of the container program."""


class ContainerFailure(Exception):
    """A reason, in one line, why the target cannot be built or run."""
