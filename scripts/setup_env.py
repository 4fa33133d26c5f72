#!/usr/bin/env python3
"""Set-up of everything that training needs, in one virtual environment, without root.

    python3 scripts/setup_env.py          # or: make setup

It needs Python 3.11 to 3.13 with its venv module, g++, make and a package index; it brings Open
MPI, CMake, TensorFlow and Horovod (built from source and kept for the next time).  Settings are
environment variables: VENV, MPI, HOROVOD_GPU, CAPS_HVD_CACHE, EXTRAS, JOBS; docs/install.md
explains them.  An environment that is up to date costs a few milliseconds.

This file must be read by any Python, however old, so that the wrong one gets an answer and not a
SyntaxError; the rest is in the package `environment` beside it.
"""

import os
import shutil
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def unsupported(version):
    """Tell why a Python of this (major, minor) version cannot be used; empty when it can."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return ""
    return (
        "Python {}.{} cannot be used: 3.11, 3.12 or 3.13 is needed; install one (Debian: "
        "apt-get install python3.11-venv) or name it: make setup PYTHON=/path/to/python3.11"
    ).format(*version[:2])


def another_python(which=None):
    """Find a Python on PATH that can be used, the one tested most first; None without one."""
    which = which or getattr(shutil, "which", lambda name: None)  # Python 2 has none
    for name in ("python3.11", "python3.12", "python3.13"):
        if which(name):
            return which(name)
    return None


def main():
    """Run the set-up, under another Python where this one is too old or too new."""
    reason = unsupported(sys.version_info)
    if reason:
        other = another_python()
        if other:
            sys.stdout.flush()
            os.execv(other, [other] + sys.argv)  # noqa: RUF005 (older than the syntax)
        sys.stderr.write("set-up: error: " + reason + "\n")
        return 2
    from environment.main import main as set_up

    return set_up()


if __name__ == "__main__":
    sys.exit(main())
