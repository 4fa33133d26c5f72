"""What HDF5 can read is read, wherever the values lie; what it cannot is called by its name."""

import sys

import h5py
import numpy as np
import pytest

from caps_hvd import data
from caps_hvd.errors import DataError
from tests.unit.data import files

FOUND = files.arrays(24, 8, (6, 6), 3)
FOUND |= {"y_train": np.arange(24) % 3, "y_test": np.arange(8) % 3}


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as file:
        for name, array in FOUND.items():
            file[name] = array
    return tmp_path / "own.h5"


def replaced(path, name, create):
    with h5py.File(path, "r+") as file:
        del file[name]
        create(file)


def images(path, part="train"):
    split = getattr(data.load(str(path)), part)
    return split.take(np.arange(len(split)))[0][..., 0]


@pytest.mark.parametrize("layout", [{}, {"chunks": (4, 6, 6), "compression": "gzip"}])
def test_values_that_were_never_written(path, layout):
    replaced(path, "x_test", lambda file: file.create_dataset("x_test", (8, 6, 6), "u1", **layout))
    assert not images(path, "test").any()
    assert "x_test is not all written" in data.load(str(path)).reading


def test_labels_that_were_never_written(path):
    replaced(path, "y_test", lambda file: file.create_dataset("y_test", (8,), "u1"))
    with pytest.raises(DataError, match="y_test should have 8 bytes, of which 0 are in the file"):
        data.load(str(path))

    def partly(file):
        file.create_dataset("y_test", (8,), "u1", chunks=(2,))[:2] = 1

    replaced(path, "y_test", partly)
    with pytest.raises(DataError, match="y_test has 4 chunks, of which 1 were written"):
        data.load(str(path))


def test_compression_beyond_that_of_deflate(path):
    """A header may claim much where the filters are such as compress much."""
    many = np.zeros((3000, 60, 60), np.uint8)

    def compressed(file):
        file.create_dataset("x_train", data=many, chunks=many.shape, compression="gzip")
        del file["y_train"]
        file["y_train"] = np.arange(3000) % 3
        del file["x_test"]
        file["x_test"] = many[:8]

    replaced(path, "x_train", compressed)
    assert len(data.load(str(path)).train) == 3000


def test_virtual(path, tmp_path):
    layout = h5py.VirtualLayout((24, 6, 6), "u1")
    for number in range(2):
        rows = slice(12 * number, 12 * number + 12)
        with h5py.File(tmp_path / f"part{number}.h5", "w") as file:
            file["x"] = FOUND["x_train"][rows]
        layout[rows] = h5py.VirtualSource(f"part{number}.h5", "x", shape=(12, 6, 6))
    replaced(path, "x_train", lambda file: file.create_virtual_dataset("x_train", layout))
    np.testing.assert_array_equal(images(path), FOUND["x_train"])
    (tmp_path / "part1.h5").unlink()
    with pytest.raises(DataError, match="x_train has its values in part1.h5, which is not there"):
        data.load(str(path))


def test_external(path, tmp_path, monkeypatch):
    pixels = FOUND["x_train"]
    monkeypatch.chdir(tmp_path)
    replaced(
        path,
        "x_train",
        lambda file: file.create_dataset(
            "x_train", data=pixels, external=[("pixels.bin", 0, pixels.nbytes)]
        ),
    )
    np.testing.assert_array_equal(images(path), pixels)
    monkeypatch.chdir("/")
    opened = data.load(str(path)).train
    np.testing.assert_array_equal(images(path), pixels)
    np.testing.assert_array_equal(opened.take([3, 1])[0][..., 0], pixels[[3, 1]])
    (tmp_path / "pixels.bin").unlink()
    with pytest.raises(DataError, match="x_train has its values in pixels.bin, which is not there"):
        data.load(str(path))


@pytest.mark.parametrize("link", [h5py.ExternalLink("none.h5", "/x"), h5py.SoftLink("/none")])
def test_a_link_to_nothing(path, link):
    replaced(path, "x_train", lambda file: file.__setitem__("x_train", link))
    with pytest.raises(DataError, match=r"x_train is a link to (none.h5|/none), which is not"):
        data.load(str(path))


def compressed(file, code):
    """Creates x_train as if a filter had compressed it that this HDF5 does not have."""
    if h5py.h5z.filter_avail(code):
        pytest.skip("this HDF5 has the filter")
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((8, 6, 6))
    plan.set_filter(code, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((24, 6, 6))
    made = h5py.h5d.create(file.id, b"x_train", h5py.h5t.NATIVE_UINT8, space, plan)
    for row in range(0, 24, 8):
        made.write_direct_chunk((row, 0, 0), b"compressed")


@pytest.mark.parametrize(
    "code, name", [(32001, "blosc"), (32008, "bitshuffle"), (32015, "zstd"), (299, "one without")]
)
def test_a_filter_that_is_not_there(path, monkeypatch, code, name):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)  # cannot be imported
    replaced(path, "x_train", lambda file: compressed(file, code))
    with pytest.raises(DataError, match=rf"x_train is compressed by {name}.* \(HDF5 filter {code}"):
        data.load(str(path))


def test_a_filter_that_a_virtual_array_needs(path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        compressed(file, 32015)
    layout = h5py.VirtualLayout((24, 6, 6), "u1")
    layout[:] = h5py.VirtualSource("part.h5", "x_train", shape=(24, 6, 6))
    replaced(path, "x_train", lambda file: file.create_virtual_dataset("x_train", layout))
    with pytest.raises(DataError, match=r"x_train in part.h5 is compressed by zstd \(HDF5 filter"):
        data.load(str(path))


@pytest.mark.parametrize("name", ["blosc", "bitshuffle", "zstd"])
def test_plugins(path, name):
    plugins = pytest.importorskip("hdf5plugin")
    filters = {
        "blosc": plugins.Blosc, "bitshuffle": plugins.Bitshuffle, "zstd": plugins.Zstd
    }  # fmt: skip
    replaced(
        path,
        "x_train",
        lambda file: file.create_dataset("x_train", data=FOUND["x_train"], **filters[name]()),
    )
    np.testing.assert_array_equal(images(path), FOUND["x_train"])
