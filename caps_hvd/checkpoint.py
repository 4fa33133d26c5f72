"""Checkpoints: all that a run needs to go on as if it had never stopped, in one HDF5 file.

attributes   format, and `progress` as JSON
model/0000   one data set per variable of the model, random seeds included, metrics excluded
optimizer/0000   one per variable of the optimizer: moments, iterations, loss scale
"""

import contextlib
import dataclasses
import json
import math

import h5py
import numpy as np

from caps_hvd.errors import RunError
from caps_hvd.files import replacing, reserve
from caps_hvd.report.record import renewed

_FORMAT = "caps_hvd.checkpoint/1"


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        epoch: epochs that are complete; training goes on with this one, counted from 0.
        seed: seed that the run was started with.
        config_digest: `TrainConfig.digest()` of the run.
        epochs: one dict per complete epoch, as in `record.json`.
        sessions: one dict per start of the program that took part, as in `record.json`.
    """

    epoch: int
    seed: int
    config_digest: str
    epochs: list[dict] = dataclasses.field(default_factory=list)
    sessions: list[dict] = dataclasses.field(default_factory=list)


def save(path, model, optimizer, progress: Progress) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        path: file to write or to replace.
        model: built Keras model.
        optimizer: its built optimizer.
        progress: what goes with them.

    Raises:
        RunError: the file cannot be written; an older checkpoint is still there.
    """
    with (
        replacing(path) as partial,
        # HDF5 writing by itself leaves open objects behind on a full disk; Python's file does not.
        open(partial, "w+b") as raw,
        h5py.File(raw, "w") as file,
    ):
        file.attrs["format"] = _FORMAT
        file.attrs["progress"] = json.dumps(dataclasses.asdict(progress))
        for name, variables in _variables(model, optimizer).items():
            group = file.create_group(name)
            for index, variable in enumerate(variables):
                stored = group.create_dataset(f"{index:04d}", data=variable.numpy())
                stored.attrs["path"] = variable.path


def save_weights(path, model) -> None:
    """Writes a model's weights as Keras does, whole or not at all.

    Args:
        path: file to write; its name ends in `.weights.h5`.
        model: built Keras model.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(path) as partial:
        # Keras hands the file to HDF5, which does not end well on a full disk: find out before.
        values = sum(math.prod(w.shape) * np.dtype(w.dtype).itemsize for w in model.weights)
        reserve(partial, values + 4096 * (len(model.weights) + 16))
        model.save_weights(partial)


def read_progress(path) -> Progress:
    """Reads how far a run has come; needs neither the model nor Keras.

    Raises:
        RunError: the file is no checkpoint, or is damaged.
    """
    with _opened(path) as file:
        return _progress(file)


def restore(path, model, optimizer=None) -> Progress:
    """Puts a checkpoint's values into a model and its optimizer.

    Args:
        path: file that `save` has written.
        model: built Keras model of the same architecture.
        optimizer: its built optimizer, or None to take the model's variables only.

    Raises:
        RunError: the file is no checkpoint, is damaged, or belongs to another model.
    """
    with _opened(path) as file:
        for name, variables in _variables(model, optimizer).items():
            stored = [file[name][key] for key in sorted(file[name])]
            expected = [tuple(variable.shape) for variable in variables]
            if [data.shape for data in stored] != expected:
                raise RunError(
                    f"{path} belongs to another {name}: it holds {len(stored)} variables, "
                    f"expected {len(expected)} of the shapes of this run's {name}"
                )
            for variable, data in zip(variables, stored, strict=True):
                variable.assign(data[()])
        return _progress(file)


def _progress(file) -> Progress:
    """What `save` has put beside the weights, whose epochs an older program may have written."""
    return Progress(**json.loads(file.attrs["progress"], object_hook=renewed))


def _variables(model, optimizer) -> dict:
    metrics = {id(variable) for variable in model.metrics_variables}
    groups = {"model": [v for v in model.variables if id(v) not in metrics]}
    if optimizer is not None:
        groups["optimizer"] = list(optimizer.variables)
    return groups


@contextlib.contextmanager
def _opened(path):
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise RunError(f"{path} is not a checkpoint of this program ({_FORMAT})")
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read as a checkpoint: {error}; remove it to start afresh"
        ) from error
