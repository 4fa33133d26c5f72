import os
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from caps_hvd.data.readers import read_file
from caps_hvd.data.readers.hdf5 import write_hdf5
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import ConfigError, DataError
from tests.unit.data import files

NAMES = ["a", "b", "c"]


def splits(train=50, test=20):
    data = files.arrays(train, test, shape=(5, 4, 3), classes=3)
    return tuple(ArraySplit(data[f"x_{part}"], data[f"y_{part}"]) for part in ("train", "test"))


@pytest.fixture
def path(tmp_path):
    write_hdf5(tmp_path / "own.h5", "own", splits(), NAMES)
    return tmp_path / "own.h5"


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_round_trip(tmp_path, compression):
    path = tmp_path / "own.h5"
    written = splits()
    write_hdf5(path, "own", written, NAMES, compression=compression)
    contents = read_file(path)
    for split, expected in zip((contents.train, contents.test), written, strict=True):
        assert split.image_shape == (5, 4, 3) and len(split) == len(expected)
        for indices in ([3], [7, 2, 2, 19, 0], np.arange(4, 17), np.arange(20)[::-1], [-1, 5]):
            for one, other in zip(split.take(indices), expected.take(indices), strict=True):
                np.testing.assert_array_equal(one, other)
                assert one.dtype == other.dtype
    assert contents.class_names == ("a", "b", "c") and contents.reading == ""
    assert os.listdir(tmp_path) == ["own.h5"]


def test_index_out_of_range(path):
    with pytest.raises(IndexError):
        read_file(path).train.take([50])


def test_first_rows(path):
    first = read_file(path).train.first(7)
    assert len(first) == 7
    np.testing.assert_array_equal(first.take(np.arange(7))[0], splits()[0].images[:7])


def test_opens_again_after_pickle_and_fork(path):
    split = read_file(path).train
    expected = split.take([1, 4])[0]
    again = pickle.loads(pickle.dumps(split))
    np.testing.assert_array_equal(again.take([1, 4])[0], expected)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(split.take([1, 4])[0], expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(split.take([1, 4])[0], expected)


def test_reads_only_the_rows_that_are_asked_for(tmp_path):
    # 400 MB of zeros that take no space on disk: reading them all would show in the memory.
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        for part, rows in (("train", 100_000), ("test", 10)):
            images = file.create_dataset(f"x_{part}", (rows, 64, 64), np.uint8)
            images[rows - 1] = 7
            file[f"y_{part}"] = np.zeros(rows, np.uint8)
    script = f"""
import resource
from caps_hvd.data.readers import read_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
images, _ = read_file({str(path)!r}).train.take([99_999, 5, 70_000])
assert images[0].min() == 7 and images[1:].max() == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}
    kib = subprocess.check_output([sys.executable, "-c", script], env=environment, timeout=60)
    assert int(kib) < 40_000


def test_without_class_names(tmp_path):
    path = tmp_path / "own.h5"
    data = files.arrays(30, 10, classes=3)
    with h5py.File(path, "w") as file:
        for key, array in data.items():
            file[key] = array
    contents = read_file(path)
    assert contents.class_names == ("0", "1", "2")
    assert contents.train.image_shape == (28, 28, 1)


@pytest.mark.parametrize(
    "key, array, words",
    [
        ("x_train", None, "expected images that belong to y_train, found x_test, y_test, y_train"),
        ("x_train", np.zeros((50, 4), np.uint8), "--image-shape, such as --image-shape 2x2x1"),
        ("x_train", np.full((50, 5, 4, 3), -1.0), "values from -1 to -1 in float64"),
        ("x_test", np.zeros((20, 4, 4, 3), np.uint8), "(samples, 5, 4, 3), found (20, 4, 4, 3)"),
        ("x_test", np.zeros((0, 5, 4, 3), np.uint8), "x_test is empty"),
        ("y_train", np.zeros(49, np.uint8), "each of the 50 images, found 49"),
        ("y_train", np.full(50, np.nan), "must be integers, found nan (50 values"),
        ("y_train", np.full(50, 4), "for the classes a, b, c; found 4 at row 0 (50 such rows)"),
        ("y_test", np.int64(3), "labels that belong to x_test"),
    ],
)
def test_wrong_content(path, key, array, words):
    with h5py.File(path, "a") as file:
        del file[key]
        if array is not None:
            file[key] = array
    with pytest.raises(DataError) as error:
        read_file(path)
    assert words in str(error.value) and str(path) in str(error.value)


def test_shape_without_the_bytes(path):
    with h5py.File(path, "a") as file:
        del file["x_train"]
        file.create_dataset("x_train", (10**9, 5, 4, 3), np.uint8)
        del file["y_train"]
        file.create_dataset("y_train", (10**9,), np.uint8)
    with pytest.raises(DataError, match="y_train should have 1000000000 bytes, of which 0 are"):
        read_file(path)


def test_truncated(path):
    content = path.read_bytes()
    for length in (0, 10, 500, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="expected an HDF5 file"):
            read_file(path)


def test_unknown_compression(tmp_path):
    with pytest.raises(ConfigError, match="expected gzip, lzf or none, received 'zip'"):
        write_hdf5(tmp_path / "own.h5", "own", splits(), NAMES, compression="zip")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot write"):
        write_hdf5(tmp_path / "none" / "own.h5", "own", splits(), NAMES)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path):
    # A limit on the size of files fails a write as a full disk does.
    script = f"""
import resource, signal
import numpy as np
from caps_hvd.data.readers.hdf5 import write_hdf5
from caps_hvd.data.split import ArraySplit
from caps_hvd.errors import DataError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
split = ArraySplit(np.ones((4000, 28, 28, 1), np.uint8), np.zeros(4000, np.int32))
try:
    write_hdf5({str(path)!r}, "own", (split, split), ["a"])
except DataError as error:
    print(error)
"""
    before = path.read_bytes()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "cannot write" in done.stdout and len(done.stdout.splitlines()) == 1
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]
