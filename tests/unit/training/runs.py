"""What tests of whole runs share: a process that trains, and the arrays that it has written."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np


def python(script, folder, seconds, **environment) -> str:
    """Runs a script in a process of its own, in a folder; returns what it has printed."""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **environment},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def arrays(path) -> dict[str, np.ndarray]:
    """All arrays of an HDF5 file by their names."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def assert_same_arrays(one, other) -> None:
    """Two HDF5 files hold the same arrays, to the last bit."""
    one, other = arrays(one), arrays(other)
    assert one.keys() == other.keys() and one
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
