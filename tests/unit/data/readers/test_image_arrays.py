"""Images of a file of arrays, with labels or without, in whatever way one writes them."""

import h5py
import numpy as np
import pytest

from caps_hvd.data import ReadOptions
from caps_hvd.data.readers.image_arrays import ImageArray
from caps_hvd.data.readers.picture import prepare
from caps_hvd.data.split import unit_range
from caps_hvd.errors import DataError

SHAPE = (6, 5, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (7, *SHAPE), np.uint8)
IMAGES[0, 0, 0] = 255
LABELS = np.arange(7)


def npz(folder, **arrays):
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return path


def prepared(path, name=None, shape=SHAPE, **options):
    images = ImageArray(path, name)
    read = [prepare(image, shape) for image in images.read(shape, ReadOptions(**options))]
    assert len(read) == len(images)
    return np.stack(read)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": IMAGES, "y": LABELS},
        {"photographs": IMAGES},
        {"x": IMAGES, "y": np.eye(7)},
        {"x": IMAGES.transpose(0, 3, 1, 2)},
        {"x": IMAGES / np.float32(255)},
        {"x": IMAGES.astype(np.float64), "masks": IMAGES[..., 0]},
        {"x": IMAGES.astype(np.int64)},
    ],
    ids=["labels", "any name", "one-hot", "channels first", "0 to 1", "masks", "int64"],
)
def test_one_way_to_read_them(tmp_path, arrays):
    np.testing.assert_allclose(
        prepared(npz(tmp_path, **arrays)), unit_range(IMAGES), rtol=1e-6, atol=1e-7
    )


def test_flattened_rows_have_the_networks_shape(tmp_path):
    grey = IMAGES[..., :1]
    path = npz(tmp_path, X=grey.reshape(7, -1), y=np.eye(7))
    np.testing.assert_array_equal(prepared(path, shape=(6, 5, 1)), unit_range(grey))


def test_hdf5(tmp_path):
    path = tmp_path / "own.h5"
    with h5py.File(path, "w") as file:
        file["test/images"] = IMAGES
        file["test/labels"] = LABELS
    np.testing.assert_array_equal(prepared(path), unit_range(IMAGES))


def test_another_size_is_fitted(tmp_path):
    path = npz(tmp_path, x=np.full((2, 12, 10, 3), 200, np.uint8))
    np.testing.assert_allclose(prepared(path), 200 / 255, rtol=1e-6)


def test_the_users_range_and_layout(tmp_path):
    images = (IMAGES.transpose(0, 3, 1, 2) / 127.5 - 1).reshape(7, -1)
    read = prepared(npz(tmp_path, x=images), image_layout="channels-first", pixel_range=(-1, 1))
    np.testing.assert_allclose(read, unit_range(IMAGES), atol=1e-6)


def test_one_of_several_arrays(tmp_path):
    path = npz(tmp_path, x_train=IMAGES, x_test=IMAGES[:2])
    with pytest.raises(DataError, match="x_train, x_test; name one with --array, such as"):
        ImageArray(path)
    assert len(ImageArray(path, "x_test")) == 2


@pytest.mark.parametrize(
    "arrays, name, words",
    [
        ({"y": LABELS}, None, r"expected an array of images, .* found y \(7,\)"),
        ({"x": IMAGES}, "z", "--array: expected one of x, received 'z'"),
        ({"x": IMAGES[0]}, None, r"one image\? Store it in the shape \(1, 6, 5, 3\)"),
        ({"x": IMAGES.astype(np.int64) * 9}, None, "say which are black and white"),
        ({"x": IMAGES[:0]}, None, "is empty"),
    ],
)
def test_what_is_refused(tmp_path, arrays, name, words):
    with pytest.raises(DataError, match=words):
        list(ImageArray(npz(tmp_path, **arrays), name).read(SHAPE))


def test_a_damaged_file(tmp_path):
    path = tmp_path / "own.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="expected an npz file, cannot read it"):
        ImageArray(path)
