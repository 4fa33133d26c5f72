"""Builder and runner of a Dockerfile's stages in roots of debootstrap, where no Docker engine is.

It knows the instructions that this project's Dockerfile has, and refuses others: the file itself is
what is tried, not a copy of its commands.  Only the standard library is imported.
"""


class ContainerFailure(Exception):
    """A reason, in one line, why an image cannot be built or run here."""
