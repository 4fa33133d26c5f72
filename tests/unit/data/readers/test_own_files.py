"""Files as people have them: what has one meaning is read, and what has two names the option."""

import h5py
import numpy as np
import pytest

from caps_hvd import data
from caps_hvd.errors import ConfigError, DataError
from tests.unit.data import files

NAMES = ("x_train", "y_train", "x_test", "y_test")
TEXTS = np.array([b"cat", b"dog", b"bird"])


def arrays(shape=(6, 6), classes=3):
    """A set that has every class, and 0, 1 and 255 among its pixels, in both parts."""
    found = files.arrays(24, 9, shape, classes)
    for part, count in (("train", 24), ("test", 9)):
        found[f"y_{part}"] = (np.arange(count) % classes).astype(np.uint8)
        found[f"x_{part}"].flat[:3] = 0, 1, 255
    return found


def write(folder, kind, found, **attributes):
    path = folder / f"own.{kind}"
    if kind == "npz":
        np.savez(path, **found, **attributes)
    else:
        path.unlink(missing_ok=True)  # one that is still read from cannot be written over
        with h5py.File(path, "w") as file:
            for name, array in found.items():
                file[name] = array.astype("S") if array.dtype.kind == "U" else array
            file.attrs.update(attributes)
    return path


def changed(found, x=lambda x: x, y=lambda y: y):
    return {name: (x if name.startswith("x") else y)(array) for name, array in found.items()}


def rows(split):
    return split.take(np.arange(len(split)))


def same(dataset, found):
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        images, labels = rows(split)
        assert images.dtype == np.uint8 and labels.dtype == np.int32
        np.testing.assert_array_equal(images.reshape(found[f"x_{part}"].shape), found[f"x_{part}"])
        np.testing.assert_array_equal(labels, found[f"y_{part}"])


@pytest.mark.parametrize("kind", ["h5", "hdf5", "npz"])
@pytest.mark.parametrize(
    "x, words",
    [
        (lambda x: x, ""),
        (lambda x: (x / 255).astype("f4"), "float32 values from 0 to 1"),
        (lambda x: x / np.float32(255), "float32 values from 0 to 1"),
        (lambda x: x * np.float64(1 / 255), "float64 values from 0 to 1"),
        (lambda x: x.astype("f8"), "float64 values from 0 to 255"),
        (lambda x: x.astype("f2"), "float16 values from 0 to 255"),
        (lambda x: x.astype("i8"), "int64 values from 0 to 255"),
        (lambda x: x.astype(">u2"), "values from 0 to 255"),
        (lambda x: x[..., None], ""),
    ],
)
def test_images_of_another_type(tmp_path, kind, x, words):
    """They are read as the bytes that they were made of, exactly."""
    found = arrays()
    dataset = data.load(str(write(tmp_path, kind, changed(found, x))))
    same(dataset, found)
    assert words in dataset.reading


def test_black_and_white_images(tmp_path):
    found = changed(arrays(), lambda x: x & 1)
    white = changed(found, lambda x: x * 255)
    same(data.load(str(write(tmp_path, "npz", found))), white)
    same(data.load(str(write(tmp_path, "h5", changed(found, lambda x: x.astype(bool))))), white)
    same(data.load(str(write(tmp_path, "h5", changed(found, lambda x: x.astype("i4"))))), white)


@pytest.mark.parametrize("kind", ["h5", "npz"])
def test_finer_values_than_bytes_are_kept(tmp_path, kind):
    found = changed(arrays(), lambda x: (x / np.float32(255)) ** 2)
    dataset = data.load(str(write(tmp_path, kind, found)))
    images, _ = rows(dataset.train)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[..., 0], found["x_train"] * 255, rtol=1e-6)
    converted = data.convert(str(write(tmp_path, kind, found)), None, tmp_path / "copy.h5")
    np.testing.assert_allclose(rows(converted.train)[0], images, rtol=1e-6)


@pytest.mark.parametrize(
    "x, words",
    [
        (lambda x: x / 127.5 - 1, "say which are black and white, such as --pixel-range=-1,1"),
        (lambda x: x.astype("u2") * 257, "--pixel-range=0,65535"),
        (lambda x: x.astype("u2") * 16, "--pixel-range=0,4095"),
        (lambda x: (x // 16).astype("f8"), "of 0 to 255, or of 0 to 15?"),
        (lambda x: np.where(x == 255, np.inf, x), " values that are NaN or infinite"),
        (lambda x: x + 1j, "must be numbers, found complex128"),
    ],
)
def test_values_with_two_meanings(tmp_path, x, words):
    with pytest.raises(DataError) as error:
        data.load(str(write(tmp_path, "npz", changed(arrays(), x))))
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "x, given",
    [
        (lambda x: x / 127.5 - 1, (-1, 1)),
        (lambda x: x.astype("u2") * 257, (0, 65535)),
        (lambda x: x.astype("f4"), (0, 255)),
    ],
)
def test_pixel_range(tmp_path, x, given):
    found = arrays()
    path = str(write(tmp_path, "h5", changed(found, x)))
    same(data.load(path, options=data.ReadOptions(pixel_range=given)), found)
    with pytest.raises(DataError, match="expected 0 to 0.5, as --pixel-range says"):
        data.load(path, options=data.ReadOptions(pixel_range=(0, 0.5)))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (4, 8, 7), (2, 8, 8), (5, 8, 8)])
def test_channels_first_is_no_silent_reading(tmp_path, shape):
    found = arrays(shape)
    path = str(write(tmp_path, "h5", found))
    with pytest.raises(DataError, match="--image-layout channels-first, or --image-layout channel"):
        data.load(path)
    first = data.load(path, options=data.ReadOptions(image_layout="channels-first"))
    assert first.image_shape == (*shape[1:], shape[0]) and "channels first" in first.reading
    same(first, changed(found, lambda x: x.transpose(0, 2, 3, 1)))
    assert data.load(path, options=data.ReadOptions(image_shape=first.image_shape)).reading
    last = data.load(path, options=data.ReadOptions(image_layout="channels-last"))
    assert last.image_shape == shape


@pytest.mark.parametrize(
    "shape", [(8, 8, 3), (8, 8, 2), (8, 8, 5), (8, 9, 13), (4, 9, 3), (3, 3, 3)]
)
def test_channels_last_goes_without_saying(tmp_path, shape):
    found = arrays(shape)
    dataset = data.load(str(write(tmp_path, "h5", found)))
    assert dataset.image_shape == shape and dataset.reading == ""
    same(dataset, found)


def test_known_data_sets_with_channels_first(tmp_path):
    found = arrays((3, 32, 32))
    np.savez(tmp_path / "cifar10.npz", **found)
    dataset = data.load("cifar10", tmp_path)
    same(dataset, changed(found, lambda x: x.transpose(0, 2, 3, 1)))


def test_flattened_images(tmp_path):
    found = arrays()
    path = str(write(tmp_path, "h5", changed(found, lambda x: x.reshape(len(x), -1))))
    with pytest.raises(DataError, match="give their shape with --image-shape, such as .* 6x6x1"):
        data.load(path)
    same(data.load(path, options=data.ReadOptions(image_shape=(6, 6, 1))), found)
    with pytest.raises(DataError, match="of 36 values each, expected 5 x 7 x 1 = 35"):
        data.load(path, options=data.ReadOptions(image_shape=(5, 7, 1)))


def test_flattened_colour_images(tmp_path):
    found = arrays((3, 4, 5))
    path = str(write(tmp_path, "npz", changed(found, lambda x: x.reshape(len(x), -1))))
    options = {"image_shape": (4, 5, 3)}
    with pytest.raises(DataError, match="pixel after pixel, or channel after channel"):
        data.load(path, options=data.ReadOptions(**options))
    planes = data.load(path, options=data.ReadOptions(**options, image_layout="channels-first"))
    same(planes, changed(found, lambda x: x.transpose(0, 2, 3, 1)))


def test_samples_last(tmp_path):
    path = write(tmp_path, "npz", changed(arrays((8, 8, 3)), lambda x: x.transpose(1, 2, 3, 0)))
    with pytest.raises(DataError, match="its last axis is the samples"):
        data.load(str(path))


@pytest.mark.parametrize("kind", ["h5", "npz"])
@pytest.mark.parametrize(
    "y, names, words",
    [
        (lambda y: y.astype("f4"), "0 1 2", ""),
        (lambda y: y[:, None].astype(">i8"), "0 1 2", ""),
        (lambda y: y > 0, "False True", ""),
        (lambda y: np.eye(3, dtype="u1")[y], "0 1 2", "one-hot labels"),
        (lambda y: np.eye(3, dtype="f4")[y], "0 1 2", "one-hot labels"),
        (lambda y: TEXTS[[1, 0, 2]][y][:, None], "bird cat dog", "classes are the texts"),
        (lambda y: TEXTS.astype(str)[y], "bird cat dog", "classes are the texts"),
        (lambda y: np.array(["9", "10", "2"])[y], "2 9 10", "classes are the texts"),
        (lambda y: y + 1, "1 2 3", "classes are the numbers 1, 2, 3"),
        (lambda y: y.astype(int) * 5 - 2, "-2 3 8", "classes are the numbers -2, 3, 8"),
    ],
)
def test_forms_of_labels(tmp_path, kind, y, names, words):
    found = changed(arrays(), y=y)
    dataset = data.load(str(write(tmp_path, kind, found)))
    assert dataset.class_names == tuple(names.split())
    assert words in dataset.reading
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        given = found[f"y_{part}"]
        if given.ndim == 2 and given.shape[1] == 3:
            given = given.argmax(axis=1)
        expected = [as_name(value) for value in given.reshape(-1).tolist()]
        assert [dataset.class_names[label] for label in rows(split)[1]] == expected


def as_name(value):
    if isinstance(value, bytes):
        return value.decode()
    return str(int(value)) if isinstance(value, float) else str(value)


def test_texts_of_any_length(tmp_path):
    """As h5py writes a list of texts."""
    found = arrays()
    path = tmp_path / "own.h5"
    with h5py.File(path, "w") as file:
        for name, array in found.items():
            file[name] = [("owl", "élan", "cat")[k] for k in array] if name[0] == "y" else array
    dataset = data.load(str(path))
    assert dataset.class_names == ("cat", "owl", "élan")
    assert rows(dataset.train)[1][:3].tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    "y, words",
    [
        (lambda y: y + 0.5, "must be integers, found 0.5 (24 values"),
        (lambda y: np.eye(3)[y] / 2, "rows are not one-hot"),
        (lambda y: np.eye(3)[y] + np.eye(3)[(y + 1) % 3], "rows are not one-hot"),
        (lambda y: y + 1j, "must be integers or texts, found complex128"),
        (lambda y: y[:-1], "one label for each of the 24 images, found 23"),
        (lambda y: np.arange(len(y)), "as many different values as images"),
        (lambda y: np.where(np.arange(len(y)) == 4, 7 - (len(y) < 20), y), "holds the label 6"),
    ],
)
def test_labels_that_are_none(tmp_path, y, words):
    with pytest.raises(DataError) as error:
        data.load(str(write(tmp_path, "npz", changed(arrays(), y=y))))
    assert words in str(error.value) and "fetch" not in str(error.value)


def test_first_label(tmp_path):
    path = str(write(tmp_path, "npz", changed(arrays(), y=lambda y: y + 1)))
    for first, names in (("0", "0123"), ("1", "123")):
        dataset = data.load(path, options=data.ReadOptions(first_label=first))
        assert dataset.class_names == tuple(names)
        assert rows(dataset.train)[1].min() == 1 - int(first)
    path = str(write(tmp_path, "npz", arrays()))
    with pytest.raises(DataError, match="y_train must be 1 to 2, .*; found 0 at row 0"):
        data.load(path, options=data.ReadOptions(first_label="1"))


@pytest.mark.parametrize("kind", ["h5", "npz"])
@pytest.mark.parametrize(
    "names",
    [
        TEXTS,
        TEXTS.tolist(),
        np.array(["cat", "dog", "bird"], dtype="U8"),
        "cat,dog,bird",
        "cat, dog, bird",
        b"cat;dog;bird",
        "cat\ndog\nbird",
        '["cat", "dog", "bird"]',
    ],
)
def test_names_of_classes(tmp_path, kind, names):
    if kind == "h5" and isinstance(names, np.ndarray) and names.dtype.kind == "U":
        names = names.tolist()
    found = arrays()
    dataset = data.load(str(write(tmp_path, kind, found, class_names=names)))
    assert dataset.class_names == ("cat", "dog", "bird")
    same(dataset, found)
    from_one = changed(found, y=lambda y: y + 1)
    dataset = data.load(str(write(tmp_path, kind, from_one, class_names=names)))
    assert dataset.class_names == ("cat", "dog", "bird") and "labels from 1" in dataset.reading
    same(dataset, found)


@pytest.mark.parametrize(
    "names, y, words",
    [
        ("cat,dog", lambda y: y, "must be 0 to 1, for the classes cat, dog; found 2"),
        ("cat,dog,cat", lambda y: y, "found 'cat' twice"),
        ("cat,,dog", lambda y: y, "found an empty one"),
        ("cat,dog,owl", lambda y: TEXTS[y], "'bird', which is not among the class names"),
    ],
)
def test_names_that_do_not_fit(tmp_path, names, y, words):
    with pytest.raises(DataError, match=words):
        data.load(str(write(tmp_path, "h5", changed(arrays(), y=y), class_names=names)))


@pytest.mark.parametrize(
    "names",
    [
        "train_set_x train_set_y test_set_x test_set_y",
        "X_train Y_train X_test Y_test",
        "trainX trainY testX testY",
        "xtrain ytrain xtest ytest",
        "train_images train_labels test_images test_labels",
        "train/images train/labels test/images test/labels",
        "train/data train/target test/data test/target",
        "cats/train/x cats/train/y cats/test/x cats/test/y",
        "training_data training_label testing_data testing_label",
        "images labels test_images test_labels",
        "x_train y_train x_val y_val",
    ],
)
def test_names_of_arrays(tmp_path, names):
    found, names = arrays(), names.split()
    path = write(tmp_path, "h5", {new: found[old] for old, new in zip(NAMES, names, strict=True)})
    dataset = data.load(str(path))
    same(dataset, found)
    for name in names:
        assert name in dataset.reading or names[0] == "x_train"


def test_a_file_of_a_course(tmp_path):
    """As the cats of a well-known course: other arrays beside, and names of classes in an array."""
    found = dict(zip(("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
                     arrays(classes=2).values(), strict=True))  # fmt: skip
    found["list_classes"] = np.array([b"non-cat", b"cat"])
    found["ids"] = np.arange(24)
    dataset = data.load(str(write(tmp_path, "h5", found)))
    assert dataset.class_names == ("non-cat", "cat")


def test_a_file_with_a_part_for_validation(tmp_path):
    found = arrays()
    more = {"x_val": found["x_test"][:3], "y_val": found["y_test"][:3]}
    dataset = data.load(str(write(tmp_path, "npz", found | more)))
    same(dataset, found)
    assert "x_val not used" in dataset.reading


def test_names_that_only_the_user_knows(tmp_path):
    found = arrays()
    path = str(write(tmp_path, "npz", {f"arr_{k}": found[name] for k, name in enumerate(NAMES)}))
    with pytest.raises(DataError, match="found arr_0, arr_1, arr_2, arr_3; give their names with"):
        data.load(path)
    options = data.ReadOptions(array_names=("arr_0", "arr_1", "arr_2", "arr_3"))
    same(data.load(path, options=options), found)
    with pytest.raises(DataError, match="--array-names: expected names of arrays .*; received 'x'"):
        data.load(path, options=data.ReadOptions(array_names=("x", "arr_1")))
    with pytest.raises(ConfigError, match="expected two names"):
        data.ReadOptions(array_names=("x",))


def test_two_arrays_that_may_be_meant(tmp_path):
    found = arrays()
    path = write(tmp_path, "npz", found | {"train_images": found["x_train"]})
    with pytest.raises(DataError, match="x_train and train_images may both be meant; .*-names IM"):
        data.load(str(path))


@pytest.mark.parametrize("names", ["x_train y_train", "X y", "images labels", "data label"])
def test_a_file_without_a_test_part(tmp_path, names):
    found, (x, y) = arrays(), names.split()
    path = str(write(tmp_path, "h5", {x: found["x_train"], y: found["y_train"]}))
    dataset = data.load(path)
    assert (len(dataset.train), len(dataset.test)) == (19, 5)
    assert "no test part" in dataset.reading and "--test-fraction" in dataset.reading
    images = np.concatenate([rows(dataset.train)[0], rows(dataset.test)[0]])[..., 0]
    np.testing.assert_array_equal(np.unique(images, axis=0), np.unique(found["x_train"], axis=0))
    half = data.load(path, options=data.ReadOptions(test_fraction=0.5, seed=3))
    assert np.bincount(rows(half.test)[1]).tolist() == [4, 4, 4]
    other = data.load(path, options=data.ReadOptions(test_fraction=0.5, seed=4))
    assert not np.array_equal(rows(half.test)[0], rows(other.test)[0])


@pytest.mark.parametrize("beside", ["", "raw"])
@pytest.mark.parametrize("prefix", ["", "emnist-letters-"])
def test_a_folder_of_idx_files(tmp_path, beside, prefix):
    found = arrays()
    files.write_idx(tmp_path / "letters" / beside, changed(found, y=lambda y: y + 1))
    for path in (tmp_path / "letters" / beside).iterdir():
        name = path.name.replace("t10k", "test") if prefix else path.name
        path.rename(path.with_name(prefix + name))
    dataset = data.load(str(tmp_path / "letters"))
    assert dataset.name == "letters" and dataset.class_names == ("1", "2", "3")
    same(dataset, found)
    same(data.load("letters", tmp_path), found)


def test_idx_files_of_two_sets(tmp_path):
    files.write_idx(tmp_path, arrays())
    for path in list(tmp_path.iterdir()):
        path.with_name("a-" + path.name).write_bytes(path.read_bytes())
        path.rename(path.with_name("b-" + path.name))
    with pytest.raises(DataError, match="found those of a, b; put the four"):
        data.load(str(tmp_path))


def test_a_folder_without_idx_files(tmp_path):
    with pytest.raises(DataError, match="expected IDX files, train-images-idx3-ubyte"):
        data.load(str(tmp_path))


def test_own_files_in_the_data_folder(tmp_path):
    found = arrays()
    path = write(tmp_path, "npz", found)
    for name in ("own", "own.npz", str(path)):
        same(data.load(name, tmp_path), found)
    assert [(each.name, each.format) for each in data.available(tmp_path)][-1] == ("own", "npz")
    (tmp_path / "own.txt").write_text("")
    with pytest.raises(DataError, match="found a file of another kind"):
        data.load(str(tmp_path / "own.txt"))
