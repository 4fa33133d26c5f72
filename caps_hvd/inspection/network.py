"""A trained network for use: the model of a run directory, its class names, its images' shape.

It is loaded from the run's configuration, record and weights alone; its data set is not needed.
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence

import keras
import numpy as np

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data.readers.picture import prepare, read_picture
from caps_hvd.errors import ConfigError, DataError, RunError
from caps_hvd.records import record
from caps_hvd.system.backend import jit_compile
from caps_hvd.training import checkpoint
from caps_hvd.training.build import build_model, load_dataset
from caps_hvd.training.convolution_forms import apply_forms, rates_of
from caps_hvd.training.run_directory import (
    RunDirectory,
    check_has_weights,
    read_config,
    with_kept_model,
)
from caps_hvd.training.selection import best_weights, selection_of

BATCH_SIZE = 100
_CHANNELS = (1, 3, 4)  # of an array of three axes that is one image, and not many narrow ones


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a network says of n images.

    Attributes:
        scores: float32 of shape (n, classes): lengths of class capsules, or probabilities.
        classes: number of the class with the highest score, integers of shape (n,).
        runners_up: that of the second highest; None for a network of one class.
        reconstructions: float32 of shape (n, height, width, channels), what the decoder draws from
            the longest capsule; None for a network without a decoder.
        distances: of shape (n,), how far the reconstructions are from the images,
            `sqrt(mean((image - reconstruction)^2))` over pixels and channels in [0, 1]; or None.
    """

    scores: np.ndarray
    classes: np.ndarray
    runners_up: np.ndarray | None
    reconstructions: np.ndarray | None
    distances: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        directory: of its run.
        config: what the run was told.
        model: the Keras model, a `caps_hvd.models.Classifier` with its trained weights.
        class_names: one for each class.
        image_shape: (height, width, channels) of the images that it takes.
    """

    directory: RunDirectory
    config: TrainConfig
    model: keras.Model
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]

    def classify(self, images: Iterable, batch_size: int = BATCH_SIZE) -> Predictions:
        """Classifies images, each prepared as those of training were.

        Args:
            images: a list, or an array of shape (n, height, width, channels) or (n, height, width).
                An image is the path of a picture, or an array as `prepare` takes it: of any size,
                uint8 or floats from 0 to 1.
            batch_size: images that are computed at once. Default 100.

        Raises:
            DataError: an image cannot be read, or does not fit the network; or there is none.
            ConfigError: `batch_size` is below 1.

        Example:
            >>> network = load_network("runs/digits")
            >>> found = network.classify(["three.png", "four.jpg"])
            >>> [network.class_names[number] for number in found.classes]
            ['3', '4']
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1 image, received {batch_size}")
        prepared = [self.prepare(image) for image in _one_by_one(images)]
        if not prepared:
            raise DataError("images: expected at least one image, received none")
        batches = range(0, len(prepared), batch_size)
        found = [self.predict(np.stack(prepared[at : at + batch_size])) for at in batches]
        names = [field.name for field in dataclasses.fields(Predictions)]
        return Predictions(
            **{name: _joined([getattr(one, name) for one in found]) for name in names}
        )

    def prepare(self, image) -> np.ndarray:
        """Returns the path of a picture, or an array, as the network takes it; see `prepare`."""
        image = read_picture(image) if isinstance(image, str | os.PathLike) else image
        return prepare(image, self.image_shape)

    def predict(self, images: np.ndarray) -> Predictions:
        """Classifies one batch of prepared images.

        Args:
            images: float32 of shape (n, *image_shape), values in [0, 1].

        Raises:
            DataError: the images have another shape, or are no floating point numbers.
        """
        images = np.asarray(images)
        if images.shape[1:] != tuple(self.image_shape) or images.dtype.kind != "f":
            shape = ", ".join(map(str, self.image_shape))
            raise DataError(
                f"images: expected floats from 0 to 1 of the shape (n, {shape}), "
                f"received {images.dtype} of {images.shape}; `classify` takes images of any size, "
                "and `prepare` makes one of them as the network takes it"
            )
        outputs = self.model.predict_on_batch(images)
        scores = np.asarray(outputs["scores"])
        order = np.argsort(-scores, axis=-1, kind="stable")
        drawn = outputs.get("reconstruction")
        return Predictions(
            scores=scores,
            classes=order[:, 0],
            runners_up=order[:, 1] if scores.shape[-1] > 1 else None,
            reconstructions=drawn,
            distances=None if drawn is None else distances(images, drawn),
        )


def distances(images, drawn) -> np.ndarray:
    """How far reconstructions are from images: the root of the mean squared difference.

    The Euclidean distance of Frosst, Sabour and Hinton, "DARCCC: Detecting Adversaries by
    Reconstruction from Class Conditional Capsules", 2018, over the root of the number of values, so
    that it does not depend on the images' size.

    Args:
        images, drawn: of shape (n, height, width, channels), values in [0, 1].

    Returns:
        Array of shape (n,), values from 0 to 1.
    """
    return np.sqrt(np.mean(np.square(images - drawn), axis=(1, 2, 3)))


def load_network(path) -> Network:
    """Loads the network of a run, on any Keras backend.

    The data set is read only where the run has no record yet, which names classes and shape.

    Args:
        path: run directory.

    Raises:
        ConfigError: the folder is not a run directory.
        RunError: it has no weights yet, or they or its record cannot be read.

    Example:
        >>> load_network("runs/digits").classify(images).classes
    """
    directory = RunDirectory.at(path)
    config = read_config(directory)
    check_has_weights(directory)
    if directory.record.exists():
        found = record.read(directory.record)
        image_shape, class_names = found.model.image_shape, found.data.class_names
    else:
        dataset = load_dataset(config)
        image_shape, class_names = dataset.image_shape, dataset.class_names
    model = trained_model(directory, config, image_shape, len(class_names))
    return Network(directory, config, model, tuple(class_names), tuple(image_shape))


def trained_model(directory: RunDirectory, config: TrainConfig, image_shape, classes: int):
    """Builds a run's model again and loads its weights.

    A run that goes on, or was interrupted, gives the weights of its last checkpoint; with a
    validation part those of its best epoch so far.

    Args:
        directory: of the run.
        config: what it was told.
        image_shape: (height, width, channels) that it was trained with.
        classes: number of classes that it was trained with.

    Raises:
        RunError: it has no weights yet, or they belong to another model or are damaged.
    """
    check_has_weights(directory)
    model = build_model(with_kept_model(directory, config), image_shape, classes)
    if directory.weights.exists() and not _went_on(directory):
        _load_weights(model, directory.weights)
    else:
        progress = checkpoint.read_progress(directory.checkpoint)
        checkpoint.restore(best_weights(selection_of(config), directory, progress), model)
    apply_forms(config.convolution, model, rates_of(_sessions(directory)))
    model.jit_compile = jit_compile()
    return model


def _sessions(directory):
    if directory.record.exists():
        return record.read(directory.record).sessions
    if not directory.checkpoint.exists():
        return ()
    return checkpoint.read_progress(directory.checkpoint).sessions


def _went_on(directory) -> bool:
    """Whether a run that was finished has trained more epochs since, or failed in them."""
    if not (directory.checkpoint.exists() and directory.record.exists()):
        return False
    found = record.read(directory.record)
    if found.result is None:  # the weights are those of an earlier session, if there are any
        return True
    return checkpoint.read_progress(directory.checkpoint).epoch > len(found.epochs)


def _load_weights(model, path):
    try:
        model.load_weights(path)
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path} cannot be loaded: {reason}") from error


def _one_by_one(images):
    """The images, one after the other; one that stands alone would be taken for its rows."""
    if isinstance(images, str | os.PathLike):
        return [images]
    expected = (
        "images: expected a list of images, or an array of the shape (n, height, width, channels) "
        "or (n, height, width), received"
    )
    if not isinstance(images, Iterable):
        raise DataError(f"{expected} {images!r}; put a single image into a list")
    shape = tuple(getattr(images, "shape", (0,) * 4))  # of an array, and of a tensor
    if len(shape) not in (3, 4) or (len(shape) == 3 and shape[-1] in _CHANNELS):
        raise DataError(f"{expected} one of {shape}; put a single image into a list")
    return images


def _joined(parts: Sequence[np.ndarray | None]):
    return None if parts[0] is None else np.concatenate(parts)
