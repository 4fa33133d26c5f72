"""The choice of an epoch: as Keras' EarlyStopping chooses, and safe against an end at any time."""

import dataclasses

import numpy as np
import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records.record import Epoch
from caps_hvd.training import checkpoint
from caps_hvd.training.checkpoint import Progress
from caps_hvd.training.run_directory import RunDirectory
from caps_hvd.training.selection import (
    Selection,
    best_weights,
    check_monitor,
    keep_best,
    selection_of,
)


def epochs(*values, monitor="val_loss"):
    needed = {
        field.name: 0.0
        for field in dataclasses.fields(Epoch)
        if field.default is dataclasses.MISSING
    }
    return [
        Epoch(**needed | {"epoch": number, monitor: value})
        for number, value in enumerate(values, start=1)
    ]


def early_stopping(values, mode, patience, min_delta):
    """What Keras' EarlyStopping does: (best epoch, epoch after which it stops or None)."""
    import keras

    class Model:
        stop_training = False

        def get_weights(self):
            return None

    callback = keras.callbacks.EarlyStopping(
        "value", min_delta=min_delta, patience=patience, mode=mode, restore_best_weights=False
    )
    callback.set_model(Model())
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"value": value})
        if callback.model.stop_training:
            return callback.best_epoch + 1, epoch + 1
    return callback.best_epoch + 1, None


@pytest.mark.parametrize("monitor, mode", [("val_loss", "min"), ("val_accuracy", "max")])
@pytest.mark.parametrize("min_delta", [0.0, 0.15])
@pytest.mark.parametrize("patience", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_as_keras_does(monitor, mode, min_delta, patience, seed):
    values = np.random.default_rng(seed).random(12).round(6).tolist()
    best, stop = early_stopping(values, mode, patience, min_delta)
    selection = Selection(monitor, patience, min_delta)
    found = epochs(*values, monitor=monitor)
    ends = [n for n in range(1, 13) if selection.ends(found[:n])]
    assert (ends[0] if ends else None) == stop
    assert selection.best(found[:stop]).epoch == best


def test_the_first_of_equal_epochs_is_the_best():
    assert Selection("val_loss").best(epochs(0.3, 0.2, 0.2)).epoch == 2


def test_only_epochs_that_were_evaluated_count():
    selection = Selection("val_loss", patience=2)
    assert selection.best(epochs(None, None)) is None and not selection.ends(epochs(None, None))
    assert selection.best(epochs(None, 0.4, None, 0.5)).epoch == 2
    assert not selection.ends(epochs(0.1, None, None))
    assert selection.ends(epochs(0.1, None, 0.5))


def test_without_patience_all_epochs_are_trained():
    assert not Selection("val_loss").ends(epochs(0.1, *[0.5] * 50))


def test_a_configuration_without_a_validation_part_chooses_nothing():
    from caps_hvd.config.train_config import TrainConfig

    assert selection_of(TrainConfig()) is None
    config = TrainConfig(validation_fraction=0.1, monitor="val_accuracy", patience=2)
    assert selection_of(config) == Selection("val_accuracy", 2, 0.0)


def test_what_is_not_computed_is_refused():
    class Model:
        decoder = None

    with pytest.raises(ConfigError, match="'val_reconstruction_loss' for a model without"):
        check_monitor(Selection("val_reconstruction_loss"), Model())
    check_monitor(Selection("val_loss"), Model())
    check_monitor(None, Model())


@pytest.fixture
def run(tmp_path):
    """Writes checkpoints and best weights as training does; the weight is the epoch's number."""
    directory, selection = RunDirectory.at(tmp_path), Selection("val_loss")

    def write(*values, kept=True):
        for count in range(1, len(values) + 1):
            progress = Progress(count, 0, "digest", epochs(*values[:count]))
            state = {"model/layer/kernel": np.array(count), "optimizer/step": np.array(count)}
            checkpoint.save(directory.checkpoint, state, progress)
            if kept or count < len(values):
                keep_best(selection, directory, progress, state)
        return directory, selection, progress

    return write


def weight(path):
    return int(checkpoint.read(path)["model/layer/kernel"])


@pytest.mark.parametrize("values, best", [((0.3, 0.2, 0.4), 2), ((0.3, 0.4, 0.2), 3)])
def test_the_best_weights_are_found(run, values, best):
    directory, selection, progress = run(*values)
    assert weight(best_weights(selection, directory, progress)) == best
    assert weight(directory.best) == best
    assert set(checkpoint.read(directory.best)) == {"model/layer/kernel"}  # no optimizer
    assert weight(best_weights(None, directory, progress)) == 3


def test_an_end_between_the_two_files_loses_nothing(run):
    directory, selection, progress = run(0.3, 0.4, 0.2, kept=False)
    assert weight(directory.best) == 1
    assert weight(best_weights(selection, directory, progress)) == 3
    keep_best(selection, directory, progress)  # as a run that goes on does
    assert weight(directory.best) == 3


def test_best_weights_of_another_epoch_are_refused(run):
    directory, selection, progress = run(0.3, 0.2, 0.4)
    checkpoint.save(directory.best, {"model/layer/kernel": np.array(1)}, Progress(1, 0, "digest"))
    with pytest.raises(RunError, match="expected the weights of epoch 2.* found those of epoch 1"):
        best_weights(selection, directory, progress)
    directory.best.unlink()
    with pytest.raises(RunError, match="found none that can be read; put back") as caught:
        best_weights(selection, directory, progress)
    assert "\n" not in str(caught.value)
