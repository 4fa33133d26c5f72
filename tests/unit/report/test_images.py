"""Pictures are written whole, in grey and in colour, for one image and for many."""

import numpy as np
import pytest
from PIL import Image

from caps_hvd.errors import RunError
from caps_hvd.report.images import perturbations, reconstructions


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_reconstructions(tmp_path, channels, count):
    images = np.random.default_rng(0).random((count, 8, 8, channels))
    labels = np.arange(count) % 3
    path = tmp_path / "a.png"
    reconstructions(path, images, images, labels, np.roll(labels, 1), ["x", "y", "a long name"])
    with Image.open(path) as picture:
        assert min(picture.size) > 200
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_perturbations(tmp_path):
    sweeps = np.random.default_rng(0).random((4, 3, 8, 8, 1)) * 2 - 0.5  # out of range, too
    perturbations(tmp_path / "b.png", sweeps, (-0.25, 0.0, 0.25), "abcd", "a title")
    with Image.open(tmp_path / "b.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="none"):
        perturbations(tmp_path / "none" / "b.png", np.zeros((1, 1, 8, 8, 1)), (0.0,), "a", "")
