"""Pictures are written whole, in grey and in colour, for one image and for many."""

import numpy as np
import pytest
from PIL import Image

from caps_hvd.errors import RunError
from caps_hvd.report.images import as_picture, perturbations, reconstructions, side_by_side


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 13])
@pytest.mark.parametrize("count", [1, 7])
def test_reconstructions(tmp_path, channels, count):
    images = np.random.default_rng(0).random((count, 8, 8, channels))
    labels = np.arange(count) % 3
    path = tmp_path / "a.png"
    reconstructions(path, images, images, labels, np.roll(labels, 1), ["x", "y", "a long name"])
    with Image.open(path) as picture:
        assert min(picture.size) > 200
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("channels", [1, 2, 5, 7])
def test_perturbations(tmp_path, channels):
    sweeps = np.random.default_rng(0).random((4, 3, 8, 8, channels)) * 2 - 0.5  # out of range, too
    perturbations(tmp_path / "b.png", sweeps, (-0.25, 0.0, 0.25), "abcd", "a title")
    with Image.open(tmp_path / "b.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10


def test_channels_that_are_no_colours():
    image = np.linspace(-1, 2, 4 * 6 * 5).reshape(4, 6, 5)
    beside = as_picture(image)
    assert beside.shape == (4, 5 * 6 + 4)
    for channel in range(5):
        panel = beside[:, 7 * channel : 7 * channel + 6]
        np.testing.assert_allclose(panel, np.clip(image[..., channel], 0, 1), rtol=1e-6)
    many = np.random.default_rng(0).random((4, 6, 9))
    np.testing.assert_allclose(as_picture(many), many.mean(axis=-1), rtol=1e-6)
    assert as_picture(image[..., :1]).shape == (4, 6)
    assert as_picture(image[..., :4]).shape == (4, 6, 4)


@pytest.mark.parametrize(
    "channels, words", [(2, "Channels 1 to 2 beside each other."), (7, "Mean of 7 channels.")]
)
def test_the_headline_says_what_is_drawn(tmp_path, monkeypatch, channels, words):
    drawn = []
    monkeypatch.setattr("caps_hvd.report.images.save", lambda path, figure: drawn.append(figure))
    images = np.zeros((2, 8, 8, channels))
    reconstructions("a.png", images, images, [0, 0], [0, 0], ["x"])
    perturbations("b.png", images[None], (0.0, 0.1), "a", "A title.")
    for figure in drawn:
        assert words in figure.texts[0].get_text()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="none"):
        perturbations(tmp_path / "none" / "b.png", np.zeros((1, 1, 8, 8, 1)), (0.0,), "a", "")


@pytest.mark.parametrize("channels, mode", [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA"), (9, "L")])
def test_an_image_beside_its_reconstruction(tmp_path, channels, mode):
    image = np.full((8, 6, channels), 0.5)
    side_by_side(tmp_path / "a.png", image, image / 2)
    picture = Image.open(tmp_path / "a.png")
    assert picture.mode == mode and picture.height == 112
    pixels = np.asarray(picture)
    assert pixels[0, 0].flat[0] == 128 and pixels[-1, -1].flat[0] == 64


def test_a_picture_that_cannot_be_written(tmp_path):
    with pytest.raises(RunError, match="cannot write"):
        side_by_side(tmp_path / "none" / "a.png", np.zeros((8, 8, 1)), np.zeros((8, 8, 1)))
