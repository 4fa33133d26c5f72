"""The set-up program: a virtual environment with TensorFlow, MPI and a Horovod built for both.

Only the standard library is imported here, since this runs before anything is installed.
"""


class SetupFailure(Exception):
    """A reason, in one line, why the set-up cannot go on and what to do about it."""
