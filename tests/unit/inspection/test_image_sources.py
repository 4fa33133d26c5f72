"""What the words of a command line name, in which order, and what is said where it is nothing."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from caps_hvd.errors import ConfigError, DataError
from caps_hvd.inspection.image_sources import ImageSources

SHAPE = (4, 4, 1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("photos/more/.cache")
    os.mkdir("empty")
    for number, path in enumerate(["b.png", "a.JPG", "more/c.png", "more/.cache/d.png", ".e.png"]):
        Image.new("L", (4, 4), number).save(f"photos/{path}")
    for name in ("photos/notes.txt", "Thumbs.db"):
        open(name, "w").close()
    np.savez("own.npz", x=np.zeros((3, *SHAPE), np.uint8), y=np.arange(3))
    return tmp_path


def names(*words, pipe=None):
    sources = ImageSources(words, pipe=None if pipe is None else io.BytesIO(pipe))
    found = [each.name for each in sources.images(SHAPE)]
    assert sources.count() == (None if pipe is not None else len(found))
    return found


def test_a_folder_is_its_pictures_and_those_of_the_folders_within(folder):
    assert names("photos") == ["photos/a.JPG", "photos/b.png", "photos/more/c.png"]


def test_a_file_of_arrays_is_its_rows(folder):
    assert names("own.npz") == ["own.npz[0]", "own.npz[1]", "own.npz[2]"]


def test_the_order_is_that_of_the_words(folder):
    assert names("own.npz", "photos/b.png", "photos/a.JPG")[-2:] == ["photos/b.png", "photos/a.JPG"]


def test_a_pattern(folder):
    assert names("photos/*.png") == ["photos/b.png"]
    assert names("photos/**/*.png") == ["photos/b.png", "photos/more/c.png"]


def test_a_name_that_looks_like_a_pattern(folder):
    Image.new("L", (4, 4)).save("photo[1].png")
    assert names("photo[1].png") == ["photo[1].png"]


@pytest.mark.parametrize(
    "pipe, found",
    [
        (b"photos/b.png\nphotos/more\n", ["photos/b.png", "photos/more/c.png"]),
        (b"photos/b.png", ["photos/b.png"]),
        (b"\n\nown.npz\n", ["own.npz[0]", "own.npz[1]", "own.npz[2]"]),
        (b"two\nlines.png\0*.png\0", ["two\nlines.png", "*.png"]),
        (b"no\xfftext.png\n", ["no\udcfftext.png"]),
        (b"", []),
    ],
)
def test_paths_from_a_pipe(folder, pipe, found):
    assert names("-", pipe=pipe) == found


def test_a_pipe_in_pieces():
    class Slow(io.BytesIO):
        def read1(self, size):
            return self.read(5)

    sources = ImageSources(("-",), pipe=Slow(b"photos/one.png\nphotos/two.png\n"))
    assert [each.name for each in sources.images(SHAPE)] == ["photos/one.png", "photos/two.png"]


@pytest.mark.parametrize(
    "word, line",
    [
        ("*.gif", r"no file matches the pattern '\*.gif'"),
        ("empty", "expected pictures in the folder empty, found none that ends in .bmp, "),
    ],
)
def test_nothing_is_there(folder, word, line):
    with pytest.raises(ConfigError, match=line):
        ImageSources((word,))


@pytest.mark.parametrize("word", ["none.png", "none.npz", "Thumbs.db"])
def test_what_cannot_be_read_is_an_image_that_is_refused_in_its_turn(folder, word):
    (found,) = ImageSources((word,)).images(SHAPE)
    assert found.name == word
    with pytest.raises(DataError, match=word):
        found.read()


def test_a_damaged_file_of_arrays_is_refused_in_its_turn(folder):
    (folder / "own.npz").write_bytes(b"damaged")
    first, second = ImageSources(("own.npz", "photos/b.png")).images(SHAPE)
    with pytest.raises(DataError, match=r"own\.npz: expected an npz file"):
        first.read()
    assert second.read().shape == (4, 4, 1)
