"""Damaged files: each reader reads them or raises a DataError, fast and in little memory."""

import contextlib
import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caps_hvd.data.readers import cifar, read_file
from caps_hvd.data.readers.hdf5 import write_hdf5
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import DataError
from tests.unit.data import files

SMALL = files.arrays(train=6, test=3)


def _npz(folder):
    np.savez(folder / "a.npz", **SMALL)
    return folder / "a.npz", lambda: read_file(folder / "a.npz")


def _npz_compressed(folder):
    np.savez_compressed(folder / "a.npz", **SMALL)
    return folder / "a.npz", lambda: read_file(folder / "a.npz")


def _idx(folder):
    files.write_idx(folder, SMALL, compressed=False)
    return folder / "train-images-idx3-ubyte", lambda: read_file(folder)


def _idx_gzip(folder):
    files.write_idx(folder, SMALL)
    return folder / "t10k-labels-idx1-ubyte.gz", lambda: read_file(folder)


def _cifar_binary(folder):
    files.write_cifar_binary(folder, files.cifar_arrays())
    return folder / "data_batch_3.bin", lambda: cifar.read_binary(
        folder, (32, 32, 3), tuple("0123456789")
    )


def _cifar_python(folder):
    files.write_cifar_python(folder, files.cifar_arrays())
    return folder / "data_batch_3", lambda: cifar.read_python(
        folder, (32, 32, 3), tuple("0123456789")
    )


def _hdf5(folder):
    split = ArraySplit(SMALL["x_train"][..., None], SMALL["y_train"])
    write_hdf5(folder / "a.h5", "a", (split, split), list("abcdefghij"))

    def read():
        contents = read_file(folder / "a.h5")
        for split in (contents.train, contents.test):
            split.take(np.arange(len(split)))

    return folder / "a.h5", read


@pytest.fixture(autouse=True)
def little_memory():
    """No allocation beyond 2 GiB above what the process has succeeds, touched or not."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, old)


ONE_BYTE = st.tuples(st.integers(0, 2**30), st.integers(1, 255))


@pytest.mark.parametrize(
    "write",
    [_npz, _npz_compressed, _idx, _idx_gzip, _cifar_binary, _cifar_python, _hdf5],
)
@settings(max_examples=60, deadline=5000, suppress_health_check=list(HealthCheck))
@given(
    cut=st.one_of(st.none(), st.floats(0, 1)),
    near_the_start=st.lists(ONE_BYTE, max_size=3),
    near_the_end=st.lists(ONE_BYTE, max_size=3),
)
def test_damaged_file(write, cut, near_the_start, near_the_end):
    with tempfile.TemporaryDirectory() as folder:
        path, read = write(Path(folder))
        content = bytearray(path.read_bytes())
        for place, change in near_the_start:
            content[place % min(400, len(content))] ^= change
        for place, change in near_the_end:
            content[-1 - place % min(600, len(content))] ^= change
        if cut is not None:
            content = content[: int(cut * len(content))]
        path.write_bytes(content)
        with contextlib.suppress(DataError):
            read()
