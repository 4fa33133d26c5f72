import tarfile
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from caps_hvd import data
from caps_hvd.data import download
from caps_hvd.data.augmentation import rotate
from caps_hvd.data.known import KNOWN, check_name
from caps_hvd.data.readers import FORMATS, mnist_mini
from caps_hvd.data.stratified import stratified_split
from caps_hvd.errors import CapsHvdError, ConfigError, DataError
from tests.unit.data import files


def rows(split):
    return split.take(np.arange(len(split)))


def test_names():
    assert data.names() == (
        "digits", "mnist_mini", "mnist", "fashion_mnist", "cifar10", "rotated_mnist",
    )  # fmt: skip


def test_digits_are_scikit_learns_own():
    from sklearn.datasets import load_digits

    digits = data.load("digits")
    assert (len(digits.train), len(digits.test)) == (1442, 355)
    assert digits.image_shape == (8, 8, 1) and digits.classes == 10
    assert digits.class_names == tuple("0123456789")
    found = np.concatenate([rows(digits.train)[0], rows(digits.test)[0]]).reshape(1797, -1)
    assert found.min() == 0 and found.max() == 255
    source = np.rint(load_digits().data * 255 / 16).astype(np.uint8)
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(source, axis=0))
    held_out = np.bincount(rows(digits.test)[1])
    np.testing.assert_array_equal(held_out, np.bincount(load_digits().target) // 5)


def test_mnist_mini_comes_with_the_package():
    mini = data.load("mnist_mini")
    assert (len(mini.train), len(mini.test), mini.image_shape) == (6000, 1000, (28, 28, 1))
    assert mini.class_names == tuple("0123456789") and mini.reading == ""
    images, labels = rows(mini.train)
    assert images.mean() / 255 == pytest.approx(0.1307, abs=1e-3)
    # Its share of each class is that of MNIST, known from the literature.
    counts = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    assert np.abs(np.bincount(labels) - counts / 10).max() < 1
    assert mnist_mini.FILE.stat().st_size < 2_000_000
    assert "licence" in mnist_mini.FILE.with_suffix(".LICENSE.txt").read_text()


def test_mnist_mini_is_in_the_wheel():
    settings = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["caps_hvd.data.readers"]
    for name in ("mnist_mini.npz", "mnist_mini.LICENSE.txt"):
        assert any(fnmatch(name, pattern) for pattern in patterns)


@pytest.fixture
def mnist(tmp_path):
    """A folder with a small data set in the form of MNIST as npz, and its arrays."""
    arrays = files.arrays()
    np.savez(tmp_path / "mnist.npz", **arrays)
    return tmp_path, arrays


def test_folder_by_argument_and_by_environment(mnist, monkeypatch):
    folder, arrays = mnist
    by_argument = data.load("mnist", folder)
    monkeypatch.setenv("CAPS_HVD_DATA_DIR", str(folder))
    by_environment = data.load("mnist")
    for dataset in (by_argument, by_environment):
        np.testing.assert_array_equal(rows(dataset.train)[0][..., 0], arrays["x_train"])


def test_first_rows_only(mnist):
    folder, arrays = mnist
    dataset = data.load("mnist", folder, train_samples=7, test_samples=2)
    np.testing.assert_array_equal(rows(dataset.train)[0][..., 0], arrays["x_train"][:7])
    np.testing.assert_array_equal(rows(dataset.test)[1], arrays["y_test"][:2])


@pytest.mark.parametrize("train, test", [(0, None), (13, None), (None, 6), (None, -1)])
def test_more_or_less_rows_than_there_are(mnist, train, test):
    with pytest.raises(ConfigError, match=r"_samples: expected 1 to \d+, the samples there are"):
        data.load("mnist", mnist[0], train_samples=train, test_samples=test)


def test_rotated_mnist_rotates_the_test_images_alone(mnist):
    folder, arrays = mnist
    plain = data.load("rotated_mnist", folder)
    turned = data.load("rotated_mnist", folder, rotation_degrees=90, test_samples=4)
    np.testing.assert_array_equal(rows(plain.test)[0][..., 0], arrays["x_test"])
    np.testing.assert_array_equal(rows(turned.train)[0][..., 0], arrays["x_train"])
    expected = np.rot90(arrays["x_test"][:4], axes=(1, 2))
    np.testing.assert_array_equal(rows(turned.test)[0][..., 0], expected)
    assert turned.name == "rotated_mnist"


def test_bad_rotation(mnist):
    with pytest.raises(ConfigError, match="rotation_degrees: expected 0 for the data set 'mnist'"):
        data.load("mnist", mnist[0], rotation_degrees=30)
    for degrees in (400, float("nan")):
        with pytest.raises(ConfigError, match="expected -360 to 360 degrees"):
            data.load("rotated_mnist", mnist[0], rotation_degrees=degrees)


def test_search_order(tmp_path):
    """Writes the places of MNIST from the last to the first; each time the newest is found."""
    written = []

    def write(place):
        folder = tmp_path / place
        arrays = files.arrays(seed=len(written))
        written.append(place)
        if place.endswith(".npz"):
            np.savez(folder, **arrays)
        elif place.endswith(".h5"):
            np.savez(tmp_path / "mnist.npz", **arrays)
            data.convert("mnist", tmp_path, folder)
            np.savez(tmp_path / "mnist.npz", **files.arrays(seed=99))
        else:
            files.write_idx(folder, arrays)
        return arrays

    for place in (".", "MNIST/raw", "mnist", "mnist.npz", "mnist.h5"):
        arrays = write(place)
        found = data.load("mnist", tmp_path)
        np.testing.assert_array_equal(rows(found.train)[0][..., 0], arrays["x_train"])
        np.testing.assert_array_equal(rows(found.test)[1], arrays["y_test"])


@pytest.mark.parametrize("place", ["fashion_mnist", "fashion-mnist", "FashionMNIST/raw"])
def test_fashion_mnist_as_idx(tmp_path, place):
    arrays = files.arrays()
    files.write_idx(tmp_path / place, arrays)
    dataset = data.load("fashion_mnist", tmp_path)
    np.testing.assert_array_equal(rows(dataset.test)[0][..., 0], arrays["x_test"])
    assert dataset.class_names[9] == "Ankle boot"


def test_idx_beside_other_data_sets_is_mnist_only(tmp_path):
    files.write_idx(tmp_path, files.arrays())
    data.load("mnist", tmp_path)
    with pytest.raises(DataError):
        data.load("fashion_mnist", tmp_path)


def test_cifar10_in_each_form(tmp_path):
    arrays = files.cifar_arrays()
    files.write_cifar_binary(tmp_path / "a/cifar-10-batches-bin", arrays)
    files.write_cifar_python(tmp_path / "b/cifar-10-batches-py", arrays)
    (tmp_path / "c").mkdir()
    np.savez(tmp_path / "c/cifar10.npz", **arrays)
    for place, kind in (("d", "binary"), ("e", "python")):
        (tmp_path / place).mkdir()
        with tarfile.open(tmp_path / place / f"cifar-10-{kind}.tar.gz", "w:gz") as archive:
            archive.add(next((tmp_path / ("a" if kind == "binary" else "b")).iterdir()))
    for place in "abcde":
        dataset = data.load("cifar10", tmp_path / place)
        assert dataset.image_shape == (32, 32, 3) and dataset.class_names[6] == "frog"
        np.testing.assert_array_equal(rows(dataset.train)[0], arrays["x_train"])
        np.testing.assert_array_equal(rows(dataset.test)[1], arrays["y_test"])


def test_convert_and_find_again(mnist, tmp_path):
    folder, arrays = mnist
    converted = data.convert("mnist", folder, folder / "own.h5")
    for dataset in (converted, data.load("own", folder), data.load(str(folder / "own.h5"))):
        np.testing.assert_array_equal(rows(dataset.train)[0][..., 0], arrays["x_train"])
        assert dataset.classes == 10
    # From itself onto itself.
    data.convert("own", folder, folder / "own.h5", compression="gzip")
    np.testing.assert_array_equal(rows(data.load("own", folder).test)[1], arrays["y_test"])


def test_convert_a_rotated_set(mnist):
    folder, arrays = mnist
    data.convert("rotated_mnist", folder, folder / "turned.h5", rotation_degrees=20)
    turned = rows(data.load("turned", folder).test)[0]
    np.testing.assert_array_equal(turned, rotate(arrays["x_test"][..., None], 20))


def test_convert_to_another_suffix(mnist):
    with pytest.raises(ConfigError, match=r"ends in \.h5, received 'a\.hdf5'"):
        data.convert("mnist", mnist[0], "a.hdf5")


def test_available(mnist):
    folder, _ = mnist
    data.convert("mnist", folder, folder / "own.h5")
    found = {place.name: (place.format, place.path) for place in data.available(folder)}
    assert found == {
        "digits": ("embedded", None),
        "mnist_mini": ("embedded", None),
        "mnist": ("npz", folder / "mnist.npz"),
        "rotated_mnist": ("npz", folder / "mnist.npz"),
        "own": ("hdf5", folder / "own.h5"),
    }
    assert [place.name for place in data.available()] == ["digits", "mnist_mini"]


def test_unknown_names(mnist):
    folder, _ = mnist
    data.convert("mnist", folder, folder / "own.h5")
    with pytest.raises(
        ConfigError, match=r"expected one of digits, .*, own, or the path.* 'mnsit'"
    ):
        data.load("mnsit", folder)
    with pytest.raises(DataError, match=r"none\.h5: expected an .*, there is none"):
        data.load(str(folder / "none.h5"))
    with pytest.raises(ConfigError, match="data_dir: expected a folder that exists"):
        data.load("mnist", folder / "none")


def test_not_found_says_where_it_looked(tmp_path):
    with pytest.raises(DataError) as error:
        data.load("cifar10", tmp_path)
    message = str(error.value)
    for words in ("'cifar10'", "cifar10.npz", str(tmp_path), "no network", "CAPS_HVD_DATA_DIR"):
        assert words in message
    assert "\n" not in message


def test_download_as_keras_does(monkeypatch, tmp_path):
    """From a folder that stands for the network: whole files with the right checksum only."""
    import hashlib
    import io

    np.savez(tmp_path / "sent.npz", **files.arrays())
    sent = (tmp_path / "sent.npz").read_bytes()
    remote = download.RemoteFile("https://x/y", "mnist.npz", "md5", hashlib.md5(sent).hexdigest())
    monkeypatch.setitem(download.REMOTE, "mnist", (remote,))
    network = iter([sent[:-5], sent])
    monkeypatch.setattr(
        download.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(next(network))
    )
    with pytest.raises(DataError, match="expected md5"):
        data.load("mnist")
    assert list(download.cache_folder().iterdir()) == []
    assert len(data.load("mnist").train) == 12
    assert [path.name for path in download.cache_folder().iterdir()] == ["mnist.npz"]
    assert len(data.load("mnist").train) == 12  # the network is not asked a third time


@pytest.mark.parametrize("name", ["mnist", "rotated_mnist", "own", "/nodes/only.h5", "a.hdf5"])
def test_names_that_a_rank_may_find(tmp_path, name):
    (tmp_path / "own.h5").touch()
    check_name(name, tmp_path)


@pytest.mark.parametrize("folder", [None, "none"])
def test_names_that_no_rank_finds(tmp_path, monkeypatch, folder):
    monkeypatch.delenv("CAPS_HVD_DATA_DIR", raising=False)
    with pytest.raises(ConfigError) as caught:
        check_name("mnits", folder and tmp_path / folder)
    assert str(caught.value) == (
        "dataset: expected one of digits, mnist_mini, mnist, fashion_mnist, cifar10, "
        "rotated_mnist, or the path of an .h5, .hdf5 or .npz file or of a folder of IDX files, "
        "received 'mnits'; did you mean 'mnist'?"
    )


@pytest.mark.parametrize("name", ["pictures", "./pictures", "./one.png"])
def test_pictures_are_led_to_the_page_on_them(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures" / "cat").mkdir(parents=True)
    (tmp_path / "one.png").touch()
    with pytest.raises(CapsHvdError, match=r"docs/own_images\.md has the program that makes an"):
        data.load(name)


def test_paths_of_images_stay_with_them(tmp_path):
    x = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((40, 3, 3), np.uint8)
    y, names = np.arange(40) % 2, [f"é/{number}.png" for number in range(40)]
    np.savez(tmp_path / "own.npz", images=x, labels=y, paths=names, files_test=names)
    first = data.load(str(tmp_path / "own.npz"))
    again = data.convert(str(tmp_path / "own.npz"), None, tmp_path / "own.h5")
    for split in (first.train, first.test, again.train, again.test, again.test.first(3)):
        images, _ = rows(split)
        assert split.names.tolist() == [names[value] for value in images[:, 0, 0, 0]]


def test_other_texts_are_no_paths(tmp_path):
    x, y = np.zeros((20, 3, 3), np.uint8), np.arange(20) % 2
    texts = {"names": ["a"] * 20, "paths": ["a"] * 19, "paths_test": ["a"] * 20}
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y, **texts)
    found = data.load(str(tmp_path / "own.npz"))
    assert found.train.names is None and found.test.names.tolist() == ["a"] * 20


def test_every_place_has_a_reader():
    for known in KNOWN.values():
        assert {form for form, _ in known.places} <= set(FORMATS)
        assert len(known.class_names) == len(set(known.class_names)) == 10


@pytest.mark.data
@pytest.mark.parametrize(
    "name, ink, first",
    [
        # Mean of the training pixels, known from the literature (0.1307 and 0.2860 of 255).
        ("mnist", 0.1307, [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
        ("fashion_mnist", 0.2860, None),
    ],
)
def test_real_data(data_dir, name, ink, first):
    dataset = data.load(name, data_dir)
    assert (len(dataset.train), len(dataset.test)) == (60_000, 10_000)
    assert dataset.image_shape == (28, 28, 1)
    images, labels = rows(dataset.train)
    assert images.mean() / 255 == pytest.approx(ink, abs=5e-5)
    assert np.bincount(labels).min() > 5000
    if first:
        assert labels[:10].tolist() == first


@pytest.mark.data
def test_mnist_mini_is_a_part_of_mnist(data_dir):
    mini, mnist = data.load("mnist_mini"), data.load("mnist", data_dir)
    for part in ("train", "test"):
        images, labels = rows(getattr(mnist, part))
        _, chosen = stratified_split(labels, fraction=0.1, seed=0)
        few, few_labels = rows(getattr(mini, part))
        np.testing.assert_array_equal(few, images[chosen])
        np.testing.assert_array_equal(few_labels, labels[chosen])


@pytest.mark.data
def test_real_mnist_through_hdf5(data_dir, tmp_path):
    mnist = data.load("mnist", data_dir)
    converted = data.convert("mnist", data_dir, tmp_path / "mnist.h5")
    indices = np.random.default_rng(0).permutation(60_000)[:500]
    for one, other in zip(converted.train.take(indices), mnist.train.take(indices), strict=True):
        np.testing.assert_array_equal(one, other)
