"""The loader of a run with a data set: the model of a run directory and images to look at it."""

import dataclasses

import keras

from caps_hvd import data
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.inspection.network import trained_model
from caps_hvd.inspection.run_data import check_fits, with_overrides
from caps_hvd.records import record
from caps_hvd.training.build import load_dataset
from caps_hvd.training.run_directory import RunDirectory, check_has_weights, read_config


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's directory, what it was told, its data set and its trained model."""

    directory: RunDirectory
    config: TrainConfig
    dataset: data.Dataset
    model: keras.Model


def load(path, overrides=None) -> Run:
    """Builds a run's model again and loads its weights, on any Keras backend.

    Those of a run with a validation part are of its best epoch.

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
    check_has_weights(directory)
    dataset = load_dataset(with_overrides(config, overrides or {}))
    model = trained_model(directory, config, *_shape(directory, config, dataset))
    check_fits(dataset, model.image_shape, model.classes)
    return Run(directory, config, dataset, model)


def _shape(directory, config, dataset):
    """Image shape and classes that the run was trained with, and not those of another data set."""
    if directory.record.exists():
        facts = record.read(directory.record).model
        return facts.image_shape, facts.classes
    if dataset.name != config.dataset:
        dataset = load_dataset(config)
    return dataset.image_shape, dataset.classes
