"""A run's network is loaded without its data set, and classifies as the run's evaluation did."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from caps_hvd.errors import ConfigError, DataError, RunError
from caps_hvd.inspection.network import distances, load_network

OLD = Path(__file__).parents[2] / "data" / "before_0_2"


@pytest.fixture(scope="module")
def images():
    with h5py.File(OLD / "digits14.h5") as file:
        return file["x_test"][:], file["y_test"][:]


@pytest.fixture(scope="module")
def network():
    return load_network(OLD / "capsnet-resumed")  # whose data set is in no folder to be found


def test_what_it_is(network):
    assert network.image_shape == (14, 14, 1)
    assert network.class_names == ("0", "1", "2")
    assert network.model.classes == 3


def test_it_classifies_as_the_evaluation_of_the_run_did(network, images):
    found = network.classify(images[0], batch_size=15)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (images[1], found.classes), 1)
    evaluation = json.loads((OLD / "capsnet-resumed" / "evaluation.json").read_text())
    assert confusion.tolist() == evaluation["confusion"]


def test_the_runner_up(network, images):
    found = network.classify(images[0])
    assert found.scores.shape == (40, 3)
    order = np.sort(found.scores, axis=1)
    rows = np.arange(40)
    np.testing.assert_array_equal(found.scores[rows, found.classes], order[:, 2])
    np.testing.assert_array_equal(found.scores[rows, found.runners_up], order[:, 1])


def test_without_a_decoder_nothing_is_drawn(network, images):
    found = network.classify(images[0][:2])
    assert found.reconstructions is None and found.distances is None


def test_files_and_arrays_of_any_type_are_the_same(network, images, tmp_path):
    image = images[0][0]
    Image.fromarray(image[..., 0]).save(tmp_path / "one.png")
    found = network.classify(
        [
            image,
            image[..., 0],
            image / np.float32(255),
            tmp_path / "one.png",
            str(tmp_path / "one.png"),
        ]
    )
    # The same numbers, but for the rounding of 1 / 255.
    np.testing.assert_allclose(found.scores, found.scores[:1].repeat(5, axis=0), atol=1e-5)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ([], "expected at least one image, received none"),
        (np.zeros((14, 14, 1), np.uint8), "put a single image into a list"),
        (np.zeros((14, 14), np.uint8), "put a single image into a list"),
        (
            np.zeros((20, 30, 3), np.uint8),
            r"received one of \(20, 30, 3\); put a single",
        ),
        (None, "or an array of the shape .*, received None; put a single image into a list"),
        ([np.zeros((2, 14, 14, 1))], r"received \(2, 14, 14, 1\); give several images as a list"),
        ([[[1, 2], [3]]], "expected an image of the shape .*, received rows of several lengths; "),
        (np.zeros((2, 1, 14, 14)), r"received 14 in the shape \(1, 14, 14\); channels come last"),
        ([np.full((14, 14), 2.0)], "expected values from 0 to 1"),
        ("none.png", "none.png: expected a picture file, there is none"),
    ],
)
def test_what_is_no_image(network, wrong, words):
    with pytest.raises(DataError, match=words):
        network.classify(wrong)


@pytest.mark.parametrize("shape", [(14, 14, 1), (2, 20, 20, 1), (2, 14, 14)])
def test_a_batch_that_is_not_prepared(network, shape):
    words = r"expected floats from 0 to 1 of the shape \(n, 14, 14, 1\), received float64 of "
    with pytest.raises(DataError, match=words + re.escape(str(shape))):
        network.predict(np.zeros(shape))
    with pytest.raises(DataError, match="received uint8"):
        network.predict(np.zeros((2, 14, 14, 1), np.uint8))


def test_distances():
    image = np.zeros((2, 2, 2, 1), np.float32)
    drawn = image + np.float32([0.0, 0.5])[:, None, None, None]
    np.testing.assert_array_equal(distances(image, drawn), [0, 0.5])


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(OLD / "capsnet-resumed", tmp_path / "run")


def test_no_run(tmp_path):
    with pytest.raises(ConfigError, match="none is not a folder; name the folder that training"):
        load_network(tmp_path / "none")
    with pytest.raises(ConfigError, match="has no config.toml"):
        load_network(tmp_path)


def test_no_weights(run):
    (run / "model.weights.h5").unlink()
    with pytest.raises(RunError, match=r"has no weights, .*: put model\.weights\.h5"):
        load_network(run)


def test_half_written_weights(run):
    weights = run / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(RunError, match=r"model\.weights\.h5 cannot be loaded"):
        load_network(run)


def test_weights_of_another_network(run):
    shutil.copy(OLD / "mlcn-resumed" / "model.weights.h5", run)
    with pytest.raises(RunError, match=r"model\.weights\.h5 cannot be loaded"):
        load_network(run)


def test_a_record_of_a_later_version(run):
    record = run / "record.json"
    record.write_text(record.read_text().replace("caps_hvd.record/2", "caps_hvd.record/99"))
    with pytest.raises(RunError, match=r"record\.json.*caps_hvd\.record/99"):
        load_network(run)


def test_a_configuration_of_a_later_version(run):
    with (run / "config.toml").open("a") as file:
        file.write("an_option_of_the_future = 1\n")
    with pytest.raises(ConfigError, match=r"config\.toml.*an_option_of_the_future"):
        load_network(run)


def test_half_a_record(run):
    record = run / "record.json"
    record.write_text(record.read_text()[:500])
    with pytest.raises(RunError, match=r"record\.json"):
        load_network(run)


def test_a_checkpoint_alone_is_enough(images):
    found = load_network(OLD / "capsnet").classify(images[0])
    assert found.scores.shape == (40, 3)
