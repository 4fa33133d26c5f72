"""The validation part: the same whoever asks, of every class, and never trained on or tested."""

import numpy as np
import pytest

from caps_hvd import data
from caps_hvd.data.split import ArraySplit
from caps_hvd.data.validation import hold_out
from caps_hvd.errors import ConfigError


def rows(split):
    images, _ = next(split.blocks(10_000))
    return {image.tobytes() for image in images}


def numbered(labels):
    labels = np.asarray(labels)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return ArraySplit(images, labels)


def load(fraction, **more):
    options = data.ReadOptions(validation_fraction=fraction, seed=more.pop("seed", 0))
    return data.load("digits", options=options, **more)


def test_a_share_of_each_class_is_held_out():
    whole, dataset = data.load("digits"), load(0.25)
    assert len(dataset.train) + len(dataset.validation) == len(whole.train)
    assert rows(dataset.train) | rows(dataset.validation) == rows(whole.train)
    assert rows(dataset.test) == rows(whole.test)
    counts = np.bincount(whole.train.labels), np.bincount(dataset.validation.labels)
    assert np.all(np.abs(counts[1] - 0.25 * counts[0]) < 1)


def test_it_depends_on_the_seed_alone():
    first, again, other = load(0.2), load(0.2), load(0.2, seed=1)
    np.testing.assert_array_equal(first.validation.images, again.validation.images)
    assert rows(first.validation) != rows(other.validation)


def test_it_is_taken_from_the_samples_that_are_asked_for():
    dataset = load(0.1, train_samples=300)
    assert (len(dataset.train), len(dataset.validation)) == (270, 30)


def test_without_a_fraction_there_is_none():
    dataset, plain = load(0.0), data.load("digits")
    assert dataset.validation is None
    np.testing.assert_array_equal(dataset.train.images, plain.train.images)


@pytest.mark.parametrize(
    "train, test, words",
    [
        ([0, 0, 0, 1], [0], "found a single one of the class rare; add images, "),
        ([0, 0, 0, 1], [0, 1], "found a single one of the class rare, beside 1 for testing; add"),
        ([0, 0, 1, 2], [0, 1], "a single one of the classes rare and 3rd, beside 1 for testing;"),
    ],
)
def test_a_class_with_one_image_is_named(train, test, words):
    with pytest.raises(ConfigError, match=words) as caught:
        hold_out(numbered(train), numbered(test), 0.5, 0, ["common", "rare", "3rd"])
    assert "\n" not in str(caught.value)


def test_of_two_images_in_a_file_one_is_for_testing(tmp_path):
    labels = ["cat"] * 20 + ["owl"] * 2
    np.savez(tmp_path / "own.npz", x=np.zeros((22, 6, 6), np.uint8), y=labels)
    options = data.ReadOptions(validation_fraction=0.1)
    with pytest.raises(ConfigError, match="the class owl, beside 1 for testing"):
        data.load(str(tmp_path / "own.npz"), options=options)


def test_the_smallest_fraction_holds_out_an_image_of_each_class():
    both = numbered([0] * 50 + [1] * 50)
    train, validation = hold_out(both, both, 0.001, 0, ["a", "b"])
    assert (len(train), validation.labels.tolist()) == (98, [0, 1])


def parts(folder, **images):
    """A file with parts of so many images, each image with a value of its own."""
    found, value = {}, 0
    for part, count in images.items():
        labels = np.arange(count) % 2
        pixels = (value + np.arange(count)).astype(np.uint8)
        found |= {
            f"x_{part}": np.broadcast_to(pixels[:, None, None], (count, 6, 6)).copy(),
            f"y_{part}": labels,
        }
        value += count
    path = folder / "own.npz"
    np.savez(path, **found)
    return str(path)


def values(split):
    return split.images[:, 0, 0, 0].tolist()


def test_a_file_may_have_its_own(tmp_path):
    path = parts(tmp_path, train=20, test=6, val=4)
    plain = data.load(path)
    assert plain.validation is None and "x_val not used" in plain.reading
    dataset = data.load(path, options=data.ReadOptions(validation_fraction=0.5))
    assert values(dataset.validation) == [26, 27, 28, 29]
    assert values(dataset.train) == values(plain.train)
    assert values(dataset.test) == values(plain.test)
    assert "x_val for validation" in dataset.reading


def test_a_part_for_validation_alone_stays_the_one_for_testing(tmp_path):
    path = parts(tmp_path, train=20, val=4)
    dataset = data.load(path, options=data.ReadOptions(validation_fraction=0.2))
    assert values(dataset.test) == [20, 21, 22, 23]
    assert (len(dataset.train), len(dataset.validation)) == (16, 4)


def test_its_arrays_can_be_named(tmp_path):
    path = parts(tmp_path, train=20, test=6, val=4)
    names = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
    options = data.ReadOptions(validation_fraction=0.2, array_names=names)
    dataset = data.load(path, options=options)
    assert (values(dataset.test), len(dataset.validation)) == ([26, 27, 28, 29], 6)
    assert data.load(path, options=data.ReadOptions(array_names=names)).validation is None
