"""Checkpoints: what comes back, what is refused, and what a full disk leaves."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import remove_partial, replacing, reserve
from caps_hvd.records.record import Epoch, Session
from caps_hvd.training import checkpoint
from caps_hvd.training.checkpoint import Progress

EPOCH = Epoch(
    epoch=1, seconds=2.5, compute_seconds=2.0, exposed_communication_seconds=0.0,
    input_seconds=0.25, other_seconds=0.25, images_per_second=40.0, learning_rate=0.001,
    train_loss=0.5, train_score_loss=0.5, train_reconstruction_loss=None, train_accuracy=0.75,
)  # fmt: skip
PROGRESS = Progress(
    epoch=2,
    seed=7,
    config_digest="abc",
    epochs=[EPOCH, dataclasses.replace(EPOCH, epoch=2, test_accuracy=0.5)],
    sessions=[
        Session(started_utc="2026-01-31T08:15:00Z", first_epoch=1, ranks=2, compression="none")
    ],
)


def _model(units=3, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dropout(0.5, seed=seed),  # PyTorch's own cannot go on from a state
            keras.layers.Dense(units),
        ]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(model, epochs=1):
    x = np.linspace(0, 1, 32, dtype=np.float32).reshape(8, 4)
    model.fit(x, x[:, :3], batch_size=4, epochs=epochs, shuffle=False, verbose=0)


def _values(variables):
    return [variable.numpy() for variable in variables]


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    path = tmp_path / "checkpoint.h5"
    model = _model()
    _fit(model, epochs=2)
    checkpoint.save(path, checkpoint.state_dict(model, model.optimizer), PROGRESS)
    _fit(model)

    other = _model(seed=1)
    checkpoint.restore(path, other, other.optimizer)
    assert checkpoint.read_progress(path) == PROGRESS
    _fit(other)
    assert len(model.optimizer.variables) > 4
    for one, two in zip(
        _values(model.weights + model.optimizer.variables),
        _values(other.weights + other.optimizer.variables),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.h5"]


def test_values_do_not_change_with_the_model():
    model = _model()
    state = checkpoint.state_dict(model, model.optimizer)
    before = {name: value.copy() for name, value in state.items()}
    _fit(model)
    for name, value in before.items():
        np.testing.assert_array_equal(state[name], value)


def test_epochs_of_an_older_program_get_their_new_names(tmp_path):
    path = tmp_path / "checkpoint.h5"
    model = _model()
    checkpoint.save(path, checkpoint.state_dict(model, model.optimizer), PROGRESS)
    with h5py.File(path, "r+") as file:
        text = file.attrs["progress"]
        assert text.count("train_score_loss") == 2
        file.attrs["progress"] = text.replace("train_score_loss", "train_margin_loss")
    assert checkpoint.read_progress(path) == PROGRESS


def test_what_is_no_checkpoint_of_this_model(tmp_path):
    path = tmp_path / "checkpoint.h5"
    model = _model()
    checkpoint.save(path, checkpoint.state_dict(model, model.optimizer), PROGRESS)
    with pytest.raises(RunError, match="another model"):
        checkpoint.restore(path, _model(units=5))

    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no HDF5 at all"):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=r"checkpoint\.h5 cannot be read"):
            checkpoint.restore(path, model, model.optimizer)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(RunError, match="not a checkpoint"):
        checkpoint.read_progress(path)
    with pytest.raises(RunError, match="cannot be read"):
        checkpoint.read_progress(tmp_path / "none.h5")


def _limit_file_size(size_bytes):
    """The error of a full disk without one: writing past this size fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))


@pytest.mark.parametrize("left_bytes", [0, 1000, 5000, 9000])
def test_a_disk_that_fills_up_keeps_the_old_checkpoint(tmp_path, left_bytes):
    path = tmp_path / "checkpoint.h5"
    model = _model()
    checkpoint.save(path, checkpoint.state_dict(model, model.optimizer), PROGRESS)
    before = path.read_bytes()
    assert len(before) > 9000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    _limit_file_size(left_bytes)
    try:
        with pytest.raises(RunError, match=r"cannot write .*checkpoint\.h5: File too large"):
            checkpoint.save(path, checkpoint.state_dict(model, model.optimizer), PROGRESS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.h5"]


def test_a_full_disk_that_is_real(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        model = _model(units=10_000)
        with pytest.raises(RunError, match="No space left on device"):
            checkpoint.save(
                folder / "checkpoint.h5", checkpoint.state_dict(model, model.optimizer), PROGRESS
            )
        with (
            pytest.raises(RunError, match="No space left on device"),
            replacing(folder / "a") as partial,
        ):
            reserve(partial, 10**6)
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_writer_that_is_killed_leaves_nothing_under_the_name(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    script = (
        "import os, signal\nfrom caps_hvd.io.atomic import replacing\n"
        f"with replacing({str(path)!r}) as partial:\n"
        "    partial.write_text('new')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(checkpoint.__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, timeout=60)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_partial(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as partial:
        partial.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
