"""Small data sets, written in the formats that the readers read."""

import gzip
import pickle
import struct

import numpy as np


def arrays(train=12, test=5, shape=(28, 28), classes=10, seed=0):
    """Return random `x_train`, `y_train`, `x_test`, `y_test`."""
    random = np.random.default_rng(seed)
    return {
        "x_train": random.integers(0, 256, (train, *shape), dtype=np.uint8),
        "y_train": random.integers(0, classes, train, dtype=np.uint8),
        "x_test": random.integers(0, 256, (test, *shape), dtype=np.uint8),
        "y_test": random.integers(0, classes, test, dtype=np.uint8),
    }


def idx_bytes(array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_idx(folder, data, *, compressed=True, dot="-"):
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in data.items():
        prefix = "train" if key.endswith("train") else "t10k"
        word = "images" if key.startswith("x") else "labels"
        name = f"{prefix}-{word}{dot}idx{array.ndim}-ubyte"
        content = idx_bytes(array)
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def cifar_arrays(each=2):
    """Return a data set of the form of CIFAR-10 with `each` images in each of its six files."""
    return arrays(train=5 * each, test=each, shape=(32, 32, 3))


def cifar_batches(data, each=2):
    """Yield `(file name, planes (each, 3072), labels)` of the six files."""
    for number in range(6):
        part, start = ("train", number * each) if number < 5 else ("test", 0)
        images = data[f"x_{part}"][start : start + each]
        labels = data[f"y_{part}"][start : start + each]
        name = f"data_batch_{number + 1}" if number < 5 else "test_batch"
        yield name, images.transpose(0, 3, 1, 2).reshape(each, -1), labels


def write_cifar_binary(folder, data, each=2):
    folder.mkdir(parents=True, exist_ok=True)
    for name, planes, labels in cifar_batches(data, each):
        content = np.concatenate([labels[:, None], planes], axis=1).tobytes()
        (folder / f"{name}.bin").write_bytes(content)


def write_cifar_python(folder, data, each=2, protocol=2):
    folder.mkdir(parents=True, exist_ok=True)
    for name, planes, labels in cifar_batches(data, each):
        batch = {"data": planes, "labels": labels.tolist(), "filenames": ["a.png"] * each}
        (folder / name).write_bytes(pickle.dumps(batch, protocol))


def python2_pickle(planes, labels):
    """Return the bytes that Python 2 with numpy 1 wrote: byte string keys, `numpy.core`."""

    def text(value):
        return b"U" + bytes([len(value)]) + value  # SHORT_BINSTRING

    rows, columns = planes.shape
    raw = planes.tobytes()
    return b"".join(
        [
            b"\x80\x02}(",  # protocol 2, empty dictionary, mark
            text(b"data"),
            b"cnumpy.core.multiarray\n_reconstruct\n",
            b"cnumpy\nndarray\n",
            b"K\x00\x85" + text(b"b") + b"\x87R",  # (ndarray, (0,), "b")
            b"(K\x01",
            b"J" + struct.pack("<i", rows) + b"J" + struct.pack("<i", columns) + b"\x86",
            b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R",
            b"(K\x03" + text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb",
            b"\x89" + b"T" + struct.pack("<i", len(raw)) + raw + b"tb",
            text(b"labels"),
            b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e",
            b"u.",
        ]
    )
