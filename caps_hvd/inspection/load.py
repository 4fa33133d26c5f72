"""The loader of a run: the model of a run directory with its weights, ready to be used."""

import dataclasses

import keras

from caps_hvd import data
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records import record
from caps_hvd.system.backend import jit_compile
from caps_hvd.training import checkpoint
from caps_hvd.training.build import build_model, load_dataset
from caps_hvd.training.convolution_forms import apply_forms, rates_of
from caps_hvd.training.run_directory import RunDirectory, read_config, with_kept_model

# Options that say something of one data set, and nothing of another.
_OF_THE_DATA_SET = (
    "rotation_degrees", "train_samples", "test_samples", "image_shape", "image_layout",
    "pixel_range", "first_label", "array_names",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's directory, what it was told, its data set and its trained model."""

    directory: RunDirectory
    config: TrainConfig
    dataset: data.Dataset
    model: keras.Model


def load(path, overrides=None) -> Run:
    """Builds a run's model again and loads its weights, on any Keras backend.

    A run that goes on, or was interrupted, gives the weights of its last checkpoint.

    Args:
        path: run directory.
        overrides: another data set, or other values that do not change the model.

    Raises:
        RunError: the folder is not a run directory, or has no weights yet.
        ConfigError: the data set does not fit the model.
        DataError: the data set cannot be read.
    """
    directory = RunDirectory.at(path)
    config = read_config(directory)
    if not directory.weights.exists() and not directory.checkpoint.exists():
        raise RunError(f"{directory} has no weights yet; wait for the end of the first epoch")
    dataset = load_dataset(_with_overrides(config, overrides or {}))
    built = with_kept_model(directory, config)
    model = build_model(built, *_shape(directory, config, dataset))
    _check_fits(model, dataset)
    if directory.weights.exists() and not _went_on(directory):
        _load_weights(model, directory.weights)
    else:
        checkpoint.restore(directory.checkpoint, model)
    apply_forms(config.convolution, model, rates_of(_sessions(directory)))
    model.jit_compile = jit_compile()
    return Run(directory, config, dataset, model)


def _sessions(directory):
    if directory.record.exists():
        return record.read(directory.record).sessions
    return checkpoint.read_progress(directory.checkpoint).sessions


def _went_on(directory) -> bool:
    """Whether a run that was finished has trained more epochs since, or failed in them."""
    if not (directory.checkpoint.exists() and directory.record.exists()):
        return False
    found = record.read(directory.record)
    if found.result is None:  # the weights are those of an earlier session, if there are any
        return True
    return checkpoint.read_progress(directory.checkpoint).epoch > len(found.epochs)


def _with_overrides(config, overrides):
    if overrides.get("dataset", config.dataset) != config.dataset:
        overrides = {name: getattr(TrainConfig, name) for name in _OF_THE_DATA_SET} | overrides
    return dataclasses.replace(config, **overrides)


def _shape(directory, config, dataset):
    """Image shape and classes that the run was trained with, and not those of another data set."""
    if directory.record.exists():
        facts = record.read(directory.record).model
        return facts.image_shape, facts.classes
    if dataset.name != config.dataset:
        dataset = load_dataset(config)
    return dataset.image_shape, dataset.classes


def _check_fits(model, dataset):
    expected = (model.image_shape, model.classes)
    received = (tuple(dataset.image_shape), dataset.classes)
    fewer = received[1] < expected[1] and dataset.reading
    if expected != received:
        raise ConfigError(
            f"dataset: expected images of {_times(expected[0])} in {expected[1]} classes, which "
            f"the run was trained on, received {_times(received[0])} in {received[1]}"
            + ("; --first-label 0 counts labels that no image has" if fewer else "")
        )


def _times(shape) -> str:
    return " x ".join(map(str, shape))


def _load_weights(model, path):
    try:
        model.load_weights(path)
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path} cannot be loaded: {reason}") from error
