"""Each format: what is written is read, and what is wrong is said in one line."""

import gzip
import io
import pickle
import tarfile

import numpy as np
import pytest

from caps_hvd.data.known import DIGIT_NAMES
from caps_hvd.data.readers import FORMATS, cifar
from caps_hvd.data.readers.idx import open_idx
from caps_hvd.data.readers.restricted_pickle import load_plain
from caps_hvd.errors import DataError
from tests.unit.data import files


def read_npz(path, image_shape=(28, 28, 1)):
    return FORMATS["npz"].read(path, image_shape, DIGIT_NAMES)


def read_idx(folder):
    return FORMATS["idx"].read(folder, (28, 28, 1), DIGIT_NAMES)


def same(splits, data):
    for part, split in zip(("train", "test"), splits, strict=True):
        images, labels = split.take(np.arange(len(split)))
        expected = data[f"x_{part}"]
        np.testing.assert_array_equal(images, expected.reshape(-1, *split.image_shape))
        np.testing.assert_array_equal(labels, data[f"y_{part}"].reshape(-1))
        assert images.dtype == np.uint8 and labels.dtype == np.int32


def refused(call, *words):
    """Check that `call` raises a one-line DataError that holds all `words`."""
    with pytest.raises(DataError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    data = files.arrays()
    save(tmp_path / "mnist.npz", **data)
    same(read_npz(tmp_path / "mnist.npz"), data)


def test_npz_as_keras_keeps_cifar10(tmp_path):
    data = files.arrays(shape=(32, 32, 3))
    data |= {key: data[key][:, None].astype(np.int64) for key in ("y_train", "y_test")}
    data["x_test"] = np.asfortranarray(data["x_test"])
    np.savez(tmp_path / "cifar10.npz", **data)
    same(read_npz(tmp_path / "cifar10.npz", (32, 32, 3)), data)


def with_nan(array):
    array = array / np.float32(255)
    array.flat[3] = np.nan
    return array


@pytest.mark.parametrize(
    "change, words",
    [
        ({"x_test": None}, ["images that belong to y_test", "found x_train, y_test, y_train"]),
        ({"x_train": lambda x: x[:0], "y_train": lambda y: y[:0]}, ["x_train is empty"]),
        ({"x_train": lambda x: x[:, :27]}, ["(samples, 28, 28, 1)", "found (12, 27, 28)"]),
        ({"x_train": lambda x: x[0, 0]}, ["found (28,)"]),
        ({"x_train": lambda x: x[:, :0]}, ["found (12, 0, 28)"]),
        ({"x_train": lambda x: x.astype(np.int64) - 1}, ["values from -1 to 254 in int64"]),
        ({"x_train": with_nan}, ["x_train", "1 values that are NaN"]),
        ({"x_test": lambda x: x / 8}, ["of 0 to 255, or of 0 to 31.875?", "--pixel-range 0,255"]),
        ({"x_test": lambda x: x.astype(object)}, ["pickled objects, which are never loaded"]),
        ({"y_train": lambda y: y[:-1]}, ["each of the 12 images", "found 11"]),
        ({"y_train": lambda y: y + 10}, ["must be 0 to 9", "12 such rows"]),
        ({"y_test": lambda y: y.astype(np.int8) - 9}, ["must be 0 to 9", "found -"]),
        ({"y_test": lambda y: y + 0.5}, ["y_test must be integers, found", "5 values"]),
        ({"y_test": lambda y: np.where(y < 99, np.nan, y)}, ["y_test", "found nan (5 values"]),
        (
            {"y_test": lambda y: np.eye(10)[y].astype(int)},
            ["same kind", "numbers and one-hot rows"],
        ),
    ],
)
def test_npz_with_wrong_content(tmp_path, change, words):
    data = files.arrays()
    for key, function in change.items():
        if function is None:
            del data[key]
        else:
            data[key] = function(data[key])
    path = tmp_path / "mnist.npz"
    np.savez(path, **data)
    refused(lambda: read_npz(path), str(path), *words)


def test_npz_that_is_something_else(tmp_path):
    path = tmp_path / "mnist.npz"
    for content in (b"", b"no zip file", pickle.dumps({"x_train": 1})):
        path.write_bytes(content)
        refused(lambda: read_npz(path), str(path), "expected an npz file")


def test_npz_header_that_lies_asks_for_no_memory(tmp_path):
    data = files.arrays()
    path = tmp_path / "mnist.npz"
    np.savez(path, **data)
    content = path.read_bytes()
    header = b"'shape': (12, 28, 28), }" + b" " * 10
    assert content.count(header) == 1
    lie = content.replace(header, b"'shape': (99999999999, 28, 28), }  "[: len(header)])
    path.write_bytes(lie)
    refused(lambda: read_npz(path), "x_train should have 78399999999216 bytes")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx(tmp_path, compressed, dot):
    data = files.arrays()
    files.write_idx(tmp_path, data, compressed=compressed, dot=dot)
    same(read_idx(tmp_path), data)


def test_idx_with_wrong_content(tmp_path):
    data = files.arrays()
    path = tmp_path / "train-images-idx3-ubyte"
    whole = files.idx_bytes(data["x_train"])
    for content, words in [
        (b"", ["found nothing"]),
        (whole[:9], ["expected an IDX file"]),
        (b"\0\0\x07\3" + whole[4:], ["expected an IDX file", "found 00000703"]),
        (whole[:-1], ["should have 9408 bytes", "holds only 9407", "cut off"]),
        (whole + b"x", ["says 9408 values, found more"]),
        (whole[:4] + b"\xff" * 12 + whole[16:], ["cut off or damaged"]),
        (files.idx_bytes(data["x_train"][:0]), ["empty"]),
        (files.idx_bytes(data["x_train"][:, 1:]), ["found (12, 27, 28)"]),
    ]:
        files.write_idx(tmp_path, data, compressed=False)
        path.write_bytes(content)
        refused(lambda: read_idx(tmp_path), str(path), *words)


def test_idx_with_wrong_labels_or_a_missing_file(tmp_path):
    data = files.arrays()
    files.write_idx(tmp_path, data | {"y_test": data["y_test"][1:]})
    refused(lambda: read_idx(tmp_path), "each of the 5 images, found 4")
    files.write_idx(tmp_path, data | {"y_test": data["y_test"] + 10})
    refused(lambda: read_idx(tmp_path), "t10k-labels", "must be 0 to 9")
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    refused(lambda: read_idx(tmp_path), "images that belong to y_test")
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    refused(lambda: read_idx(tmp_path), "train-labels-idx1-ubyte (or .gz) is missing")


def test_gzip_header_that_lies(tmp_path):
    files.write_idx(tmp_path, files.arrays())
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\1\xff\xff\xff\xff" + bytes(1000)))
    refused(lambda: open_idx(tmp_path), "4294967295 bytes")
    path.write_bytes(gzip.compress(b"\0\0\x08\1\0\0\x40\0" + bytes(1000)))
    refused(open_idx(tmp_path).arrays["y_train"].read, "says 16384 values, found 1000")


def test_cifar_binary(tmp_path):
    data = files.cifar_arrays()
    files.write_cifar_binary(tmp_path, data)
    same(cifar.read_binary(tmp_path, (32, 32, 3), DIGIT_NAMES), data)


@pytest.mark.parametrize("protocol", range(6))
def test_cifar_python(tmp_path, protocol):
    data = files.cifar_arrays()
    files.write_cifar_python(tmp_path, data, protocol=protocol)
    same(cifar.read_python(tmp_path, (32, 32, 3), DIGIT_NAMES), data)


def test_cifar_python_as_python_2_wrote_it(tmp_path):
    data = files.cifar_arrays()
    for name, planes, labels in files.cifar_batches(data):
        content = files.python2_pickle(planes, labels)
        reference = pickle.loads(content, encoding="bytes")  # our own bytes
        np.testing.assert_array_equal(reference[b"data"], planes)
        (tmp_path / name).write_bytes(content)
    same(cifar.read_python(tmp_path, (32, 32, 3), DIGIT_NAMES), data)


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_cifar_archive(tmp_path, kind):
    data = files.cifar_arrays()
    getattr(files, f"write_cifar_{kind}")(tmp_path / "batches", data)
    path = tmp_path / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "batches", "cifar-10-batches")
    read = getattr(cifar, f"read_{kind}")
    same(read(path, (32, 32, 3), DIGIT_NAMES), data)
    path.write_bytes(path.read_bytes()[:-3000])
    refused(lambda: read(path, (32, 32, 3), DIGIT_NAMES), str(path))


def test_cifar_binary_with_wrong_content(tmp_path):
    data = files.cifar_arrays()
    for name, change, words in [
        ("data_batch_2.bin", lambda c: c[:-1], ["images of 3073 bytes", "found 6145 bytes"]),
        ("data_batch_2.bin", lambda c: c[:3073], ["expected 2 images", "found 1"]),
        ("test_batch.bin", lambda c: b"", ["found 0 bytes"]),
        ("test_batch.bin", lambda c: b"\x0a" + c[1:], ["must be 0 to 9, found 10 at row 0"]),
    ]:
        files.write_cifar_binary(tmp_path, data)
        path = tmp_path / name
        path.write_bytes(change(path.read_bytes()))
        refused(lambda: cifar.read_binary(tmp_path, (32, 32, 3), DIGIT_NAMES), name, *words)
    (tmp_path / "data_batch_4.bin").unlink()
    files.write_cifar_binary(tmp_path / "whole", data)
    (tmp_path / "whole" / "data_batch_4.bin").unlink()
    refused(
        lambda: cifar.read_binary(tmp_path / "whole", (32, 32, 3), DIGIT_NAMES),
        "data_batch_4.bin",
        "No such",
    )


@pytest.mark.parametrize(
    "batch, words",
    [
        ([1], "expected a dictionary, found list"),
        ({}, "data must be uint8 (images, 3072)"),
        ({"data": np.zeros((2, 3071), np.uint8)}, "found uint8 (2, 3071)"),
        ({"data": np.zeros((2, 3072), np.float32)}, "found float32"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, "found uint8 (0, 3072)"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": "ab"}, "list of integers"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2.5]}, "list of integers"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "each of the 2 images, found 1"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "must be 0 to 9"),
    ],
)
def test_cifar_python_with_wrong_content(tmp_path, batch, words):
    files.write_cifar_python(tmp_path, files.cifar_arrays())
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, 2))
    refused(lambda: cifar.read_python(tmp_path, (32, 32, 3), DIGIT_NAMES), "data_batch_1", words)


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Evil(print, "ran"),
        Evil(np.zeros, 10**13),
        Evil(np.ndarray, (10**13,)),
        Evil(np.empty(0).__reduce__()[0], np.ndarray, (10**13,), b"b"),
        Evil(np.dtype, "O"),
        Evil(getattr, "", "join"),
        Evil(bytes, 10**13),
        np.array([print], dtype=object),
        io.BytesIO,
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_cannot_do_anything(evil, protocol, capsys):
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        load_plain(pickle.dumps(evil, protocol))
    assert capsys.readouterr().out == ""


def test_a_pickle_cannot_ask_for_a_huge_memo():
    with pytest.raises(pickle.UnpicklingError, match="memo index 4294967280"):
        load_plain(b"\x80\x02}r\xf0\xff\xff\xff.")


def test_plain_things_of_a_pickle():
    array = np.arange(6, dtype=">i4").reshape(2, 3)
    plain = {"a": [1, 2.5, None, True, b"x"], "b": (array, array.T), "c": {"é"}}
    for protocol in range(2, 6):
        found = load_plain(pickle.dumps(plain, protocol))
        assert found["a"] == plain["a"] and found["c"] == plain["c"]
        for one, other in zip(found["b"], plain["b"], strict=True):
            np.testing.assert_array_equal(one, other)
