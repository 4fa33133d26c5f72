"""Versions of the libraries that a run is made with, found without importing them."""

import platform
from importlib import metadata

from caps_hvd import __version__
from caps_hvd.records.record import Versions

_TENSORFLOW = ("tensorflow", "tensorflow_cpu")


def versions(backend: str, mpi: str | None = None) -> Versions:
    """Returns the versions of what a run is made with.

    Args:
        backend: what carries the collectives: none, mpi or gloo.
        mpi: version of the MPI library in use, or None.
    """
    tensorflow = (version_of(name) for name in _TENSORFLOW)
    return Versions(
        caps_hvd=__version__,
        python=platform.python_version(),
        keras=version_of("keras") or "unknown",
        tensorflow=next(filter(None, tensorflow), None),
        horovod=None if backend == "none" else version_of("horovod"),
        mpi=mpi,
    )


def version_of(distribution: str) -> str | None:
    """Returns the version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
