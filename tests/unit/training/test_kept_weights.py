"""Validation and fine tuning from the command line to the files, in one process on real digits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records import record
from caps_hvd.training import checkpoint
from caps_hvd.training.fine_tuning import read_source
from tests.unit.training.runs import assert_same_arrays

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROGRAM = """
import shlex, shutil, sys
from pathlib import Path
from caps_hvd.cli import cli
for line in sys.stdin.read().splitlines():
    first, *words = shlex.split(line)
    if first == "copy":
        shutil.copytree(*words)
    elif first == "remove":
        path = Path(words[0])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif first == "halve":
        Path(words[0]).write_bytes(Path(words[0]).read_bytes()[:100])
    else:
        print("#", line)
        try:
            cli.main([first, *words], standalone_mode=False)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
"""
SMALL = (
    "--dataset digits --preset small --train-samples 200 --test-samples 60 --batch-size 20 "
    "--convolution direct"
)
# No epoch is better by so much: the first one is the best, and three are trained.
CHOOSING = f"{SMALL} --validation-fraction 0.2 --patience 2 --min-delta 100"
# Digits with other names, and as many of them.
OTHER = SMALL.replace("digits", "letters.npz")
COMMANDS = f"""
train {CHOOSING} --epochs 1 --run-dir first
train {CHOOSING} --epochs 5 --run-dir stopped
train --resume --epochs 9 --run-dir stopped
train {CHOOSING} --epochs 2 --run-dir parts
copy parts lost
remove lost/best.h5
train --resume --epochs 3 --run-dir lost
train --resume --epochs 5 --run-dir parts
copy parts owed
remove owed/record.json
train --resume --run-dir owed
copy first begun
remove begun/record.json
remove begun/best.h5
train --resume --epochs 5 --run-dir begun
evaluate stopped --json
evaluate stopped --part validation --json
copy stopped source
train {SMALL} --epochs 1 --run-dir tuned --initialize-from source --freeze convolution,decoder
remove source
train --resume --epochs 2 --run-dir tuned
evaluate tuned --part validation
train {OTHER} --epochs 1 --run-dir other --initialize-from stopped/model.weights.h5
train {SMALL} --run-dir none --initialize-from nowhere
copy first unfinished
remove unfinished/record.json
train {SMALL} --run-dir none --initialize-from unfinished
copy first halved
halve halved/checkpoint.h5
train {SMALL} --run-dir none --initialize-from halved
train {SMALL} --run-dir none --freeze convolution,primary_capsules,class_capsules,decoder
train {SMALL} --run-dir none --freeze convolutions
train {SMALL} --run-dir none --validation-fraction 0.2 --decoder none --monitor \
val_reconstruction_loss
train {SMALL} --decoder none --weight-sharing --run-dir none --initialize-from first --seed 3 \
--freeze decoder
""".replace("\\\n", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    from caps_hvd import data

    digits = data.load("digits")
    parts = {}
    for name, split in (("train", digits.train), ("test", digits.test)):
        parts |= {f"x_{name}": split.images[:200], f"y_{name}": split.labels[:200]}
    np.savez(folder / "letters.npz", class_names=np.array(list("ABCDEFGHIJ")), **parts)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=COMMANDS.strip(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=560,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == 0, done.stderr
    folder.joinpath("out.txt").write_text(done.stdout)
    return folder


def said(folder, command) -> str:
    """What a command has printed, found by a part of it."""
    found = [part for part in folder.joinpath("out.txt").read_text().split("# ")
             if command in part.partition("\n")[0]]  # fmt: skip
    assert len(found) == 1, (command, found)
    return found[0].partition("\n")[2]


def weights(run, file="checkpoint.h5"):
    state = checkpoint.read(run / file)
    return {name: value for name, value in state.items() if name.startswith("model/")}


def test_patience_ends_a_run_with_the_weights_of_its_best_epoch(folder):
    first, stopped = (record.read(folder / name / "record.json") for name in ("first", "stopped"))
    assert (len(stopped.epochs), stopped.result.best_epoch) == (3, 1)
    assert stopped.result.stopped_early and not first.result.stopped_early
    assert stopped.result.monitor == "val_loss"
    assert_same_arrays(
        folder / "stopped" / "model.weights.h5", folder / "first" / "model.weights.h5"
    )
    assert stopped.result.confusion == first.result.confusion
    assert sum(map(sum, stopped.result.confusion)) == 60
    assert (stopped.data.train_samples, stopped.data.validation_samples) == (160, 40)
    assert stopped.data.steps_per_epoch == 8
    line = said(folder, "--epochs 5 --run-dir stopped")
    assert "160 training, 40 validation, 60 test images" in line
    assert "in epoch 1 of 3, stopped early, whose weights are kept: test accuracy" in line


def test_the_test_part_is_looked_at_once(folder):
    stopped = record.read(folder / "stopped" / "record.json")
    for epoch in stopped.epochs:
        assert epoch.test_loss is None and epoch.test_accuracy is None
        assert None not in (epoch.val_loss, epoch.val_accuracy, epoch.val_balanced_accuracy)


def test_a_run_that_has_stopped_early_is_finished(folder):
    assert "finished: it stopped early, after 2 epochs without a better one" in said(
        folder, "--resume --epochs 9 --run-dir stopped"
    )


@pytest.mark.parametrize("name", ["parts", "owed", "begun"])
def test_a_run_that_goes_on_chooses_as_one_that_never_stopped(folder, name):
    """Also one whose record is not there, and one that ended before its best weights were kept."""
    whole, parts = (record.read(folder / run / "record.json") for run in ("stopped", name))
    assert parts.result.confusion == whole.result.confusion
    assert (parts.result.best_epoch, parts.result.stopped_early) == (1, True)
    assert [epoch.val_loss for epoch in parts.epochs] == [epoch.val_loss for epoch in whole.epochs]
    for file in ("model.weights.h5", "checkpoint.h5", "best.h5"):
        assert_same_arrays(folder / "stopped" / file, folder / name / file)


def test_evaluate_takes_the_kept_weights_and_either_part(folder):
    stopped = record.read(folder / "stopped" / "record.json")
    found = json.loads(said(folder, "evaluate stopped --json"))
    assert (found["part"], found["accuracy"]) == ("test", stopped.result.test_accuracy)
    found = json.loads(said(folder, "evaluate stopped --part validation"))
    assert found["samples"] == 40
    assert round(found["accuracy"], 6) == stopped.epochs[0].val_accuracy
    assert "--part: expected test" in said(folder, "evaluate tuned --part validation")


def test_a_run_of_another_model_or_version_is_refused(folder, tmp_path):
    config = TrainConfig(model="mlcn", initialize_from=str(folder / "first"))
    with pytest.raises(ConfigError, match="of the model mlcn, received .*, a run of capsnet; add"):
        read_source(config)
    newer = shutil.copytree(folder / "first", tmp_path / "newer")
    text = newer.joinpath("record.json").read_text()
    newer.joinpath("record.json").write_text(text.replace("caps_hvd.record/", "caps_hvd.record/9"))
    with pytest.raises(RunError, match="schema: expected 'caps_hvd.record/"):
        read_source(TrainConfig(initialize_from=str(newer)))


def test_weights_are_taken_and_frozen_layers_stay(folder):
    source, tuned = weights(folder / "stopped", "best.h5"), weights(folder / "tuned")
    for name, value in source.items():
        frozen = "/convolution/" in name.replace("primary_capsules/convolution", "") or (
            "decoder" in name
        )
        if name.endswith("/gain"):  # set by the images that the source began with
            frozen = True
        assert np.array_equal(value, tuned[name]) == frozen, name
    found = record.read(folder / "tuned" / "record.json")
    began = found.sessions[0].initialization
    assert (began.run, began.dataset, began.anew) == ("source", "digits", [])
    assert len(began.sha256) == 64 and len(found.sessions) == 2
    assert found.sessions[1].initialization is None  # the source was not there any more
    line = said(folder, "--run-dir tuned --initialize-from source")
    assert "weights of source (digits): taken convolution, primary_capsules/convolution, " in line
    assert "frozen: convolution, decoder/hidden_1" in line


def test_what_belongs_to_other_classes_begins_anew(folder):
    began = record.read(folder / "other" / "record.json").sessions[0].initialization
    assert began.anew == ["class_capsules", "decoder/hidden_1"]
    assert began.taken == [
        "convolution", "primary_capsules/convolution", "decoder/hidden_2", "decoder/pixels",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command, words",
    [
        ("--initialize-from nowhere", "but nowhere is not a folder"),
        ("--initialize-from unfinished", "has no record.json; let it end first"),
        ("--initialize-from halved", "halved/checkpoint.h5 cannot be read as a checkpoint"),
        ("--freeze convolution,primary", "leave something to train"),
        ("--freeze convolutions", "this model, convolution, primary_capsules/convolution, "),
        ("--monitor val_rec", "'val_reconstruction_loss' for a model without a decoder"),
        (
            "--run-dir lost",
            "lost/best.h5: expected the weights of epoch 1, the best one, found none",
        ),
        (
            "--seed 3 --freeze decoder",
            "freeze: expected names of layers of this model, convolution",
        ),
    ],
)
def test_what_cannot_be_is_one_line(folder, command, words):
    lines = said(folder, command).splitlines()
    assert words in lines[-1] and "Error: " in lines[-1], lines
    assert not (folder / "none").exists() or not (folder / "none" / "checkpoint.h5").exists()
    shutil.rmtree(folder / "none", ignore_errors=True)
