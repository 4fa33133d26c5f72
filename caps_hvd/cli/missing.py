"""The line where the environment is missing. Any Python 3 must be able to read this file."""

import importlib.util
import sys

from caps_hvd.system.installation import remedy

OLDEST, NEWEST = (3, 11), (3, 13)


def explain(error):
    """Says what is missing and how to get it.

    Args:
        error: the ImportError, or None where nothing has been imported yet.

    Returns:
        A line; empty where the cause is neither Python nor a package that is not installed.
    """
    version = "{}.{}".format(*sys.version_info[:2])
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return f"Python {version}: expected 3.11, 3.12 or 3.13; {remedy()}"
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if not package or package == "caps_hvd" or importlib.util.find_spec(package) is not None:
        return ""
    return f"{package} is not installed for {sys.executable} (Python {version}); {remedy()}"


def end(error):
    """Ends the process with 2 and what `explain` says; raises the error where it says nothing."""
    line = explain(error)
    if not line:
        raise error
    sys.stderr.write(f"caps_hvd: error: {line}\n")
    sys.exit(2)
