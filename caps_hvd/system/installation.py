"""How this package was installed, and what to run for what is missing.

A checkout is set up by `make setup`. Who has installed a wheel has neither a Makefile nor
`scripts/`, and takes an extra of the package with pip. Any Python 3 must be able to read this file.
"""

import importlib.util
import os
import shlex
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Extras of pyproject.toml that `make setup` installs; "" are the plain dependencies.
_OF_SETUP = ("", "cpu", "gpu", "jax", "distributed", "mpi", "test")
# Extras that pip alone cannot install: Horovod's sources need patches to be built.
_BUILT_HERE = ("distributed", "mpi")


def is_checkout():
    """Returns whether the package is imported from a checkout of its repository."""
    return os.path.isfile(os.path.join(_ROOT, "scripts", "setup_env.py"))


def advice(extra=""):
    """Returns what to run to install what is missing, without a full stop.

    Args:
        extra: the extra of this package that brings it, such as `"cpu"` (TensorFlow), `"torch"` or
            `"distributed"` (Horovod and mpi4py). Default: a plain dependency.

    Example:
        >>> advice("cpu")  # in a checkout
        'run `make setup`'
        >>> advice("cpu")  # installed from a wheel
        'run `/home/me/venv/bin/python -m pip install "caps_hvd[cpu]"`'
    """
    if is_checkout() and extra in _OF_SETUP:
        return "run `make setup`"
    if extra in _BUILT_HERE:
        return (
            "pip alone cannot build Horovod for this TensorFlow; run `make setup` in a checkout of "
            "caps_hvd, which patches and builds it"
        )
    # pip takes the extras of the package that is installed, and looks for no other one.
    return 'run `{} -m pip install "caps_hvd{}"`'.format(
        shlex.quote(sys.executable), "[" + extra + "]" if extra else ""
    )


def launcher_advice():
    """Returns what to do where no launcher of ranks, such as mpirun, is on PATH."""
    if is_checkout():
        return (
            "activate the environment (. .venv/bin/activate), or put `scripts/in_env` before the "
            "command"
        )
    if importlib.util.find_spec("horovod") is None:
        return "several ranks need Horovod and an MPI: " + advice("distributed")
    return "put {} first on PATH".format(os.path.join(sys.prefix, "bin"))


def remedy():
    """Returns what to do where the environment of this Python lacks the package's dependencies."""
    if is_checkout():
        return (
            "run `make setup` once, then `. .venv/bin/activate`, or put `scripts/in_env` before "
            "the command"
        )
    return advice()


def elsewhere():
    """Returns how another host gets what this one has."""
    return "run `make setup` there" if is_checkout() else "install it there as it is installed here"
