"""The images of a part of a run's data set: their names, classes and values."""

import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError, DataError
from caps_hvd.inspection.run_data import PartImages, check_fits
from caps_hvd.training.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path):
    """A run on a data set of its own, none of whose parts is in the file; returns a function."""
    random = np.random.default_rng(0)
    arrays = {"x": random.integers(0, 256, (230, 4, 4), np.uint8), "y": np.arange(230) % 2}

    def begin(**more):
        np.savez(tmp_path / "own.npz", **arrays, **more)
        config = TrainConfig(dataset=str(tmp_path / "own.npz"), validation_fraction=0.1)
        with RunDirectory.at(tmp_path / "run").taken(config, None):
            pass
        return tmp_path / "run", arrays["x"]

    return begin


@pytest.mark.parametrize("part, count", [("train", 166), ("validation", 18), ("test", 46)])
def test_names_of_pictures_lead_back_to_them(run, part, count):
    path, pixels = run(paths=[f"a/{number}.png" for number in range(230)])
    sources = PartImages(path, part, {})
    found = list(sources.images((4, 4, 1)))
    assert sources.count() == len(found) == len({each.name for each in found}) == count
    for each in found:
        number = int(each.name[2:-4])
        np.testing.assert_array_equal(each.read()[..., 0], pixels[number])
        assert each.true_class == str(number % 2)


def test_without_names_images_have_their_numbers_in_the_part(run):
    path, _ = run()
    found = [each.name for each in PartImages(path, "test", {}).images((4, 4, 1))]
    assert found == [f"test[{number}]" for number in range(46)]


def test_floats_are_as_in_training(run, tmp_path):
    path, _ = run()
    values = np.random.default_rng(1).random((20, 4, 4), np.float32)
    np.savez(tmp_path / "other.npz", x_train=values, y_train=np.arange(20) % 2,
             x_test=values, y_test=np.arange(20) % 2)  # fmt: skip
    sources = PartImages(path, "test", {"dataset": str(tmp_path / "other.npz")})
    read = np.stack([each.read() for each in sources.images((4, 4, 1))])
    np.testing.assert_allclose(read[..., 0], values, atol=1e-6)


def test_what_there_is_not(run, tmp_path):
    path, _ = run()
    with pytest.raises(ConfigError, match="--part: expected test, since the run has no validation"):
        PartImages(path, "validation", {"validation_fraction": 0.0})
    with pytest.raises(ConfigError, match="expected images of 8 x 8 x 1 in 2 classes"):
        check_fits(PartImages(path, "test", {}).dataset, (8, 8, 1), 2)
    (tmp_path / "own.npz").unlink()
    with pytest.raises(DataError, match="there is none; check the path"):
        PartImages(path, "test", {})
