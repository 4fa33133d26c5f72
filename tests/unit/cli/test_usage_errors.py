"""Words in the wrong place: what the line says that was meant. No command is carried out."""

import click
import pytest

from caps_hvd.cli.main import cli
from caps_hvd.cli.usage_errors import Misplaced, explain
from caps_hvd.errors import ConfigError

SUBMIT = "where it stands before --; `sbatch` takes it before the script's name"
LINES = {
    "submit capsnet.sh --nodes 4": "capsnet.sh: expected options of training, received a script; "
    "`caps-hvd submit` makes its script itself, a finished one is started with `sbatch --nodes 4 "
    "capsnet.sh`",
    "submit -- capsnet.sh": "a finished one is started with `sbatch capsnet.sh`",
    "submit mnist": "mnist: expected an option before it; did you mean --dataset mnist?",
    "submit -- --nodes 4": "--nodes: no option of `caps-hvd train`, but of `caps-hvd submit`, "
    + SUBMIT,
    "submit train --epochs 5": "give its options alone: `caps-hvd submit -- --epochs 5`",
    "submit train": "give its options alone: `caps-hvd submit -- ...`",
    "submit --epochs 5": "--epochs: an option of training; put it after --: `caps-hvd submit [OPTI",
    "train --nodes 4": SUBMIT,
    "train capsnet": "did you mean --model capsnet?",
    "train adam": "did you mean --optimizer adam?",
    "train a.toml": "did you mean --config a.toml?",
    "train mine.h5": "did you mean --dataset mine.h5?",
    "train train": "train: is said already; expected options",
    "train slurm.sh": "received a script; start it with `sbatch slurm.sh`",
    "submit pbs.sh --nodes 4": "a finished one is started with `qsub pbs.sh`",
    "train lsf.sh": "start it with `bsub < lsf.sh`",
    "train lab.sh": "start it with `bash lab.sh`",
    "train word": "word: one word too many; options begin with --",
    "train --digit 3": "--digit: no option of `caps-hvd train`, but of `caps-hvd perturb`; ",
    "train --hostfile x": "but of `caps-hvd launch`, where it stands before the program's name",
    "train -np 2": "-n: no option of `caps-hvd train`, but of `caps-hvd launch` and of `caps-hvd h",
    "launch 2 -- true": "received a number; did you mean `caps-hvd launch -np 2`?",
    "launch lab -- true": "cannot be run; did you mean `caps-hvd launch --hostfile lab`?",
    "launch -np 2 a.py": "received a Python script; put `python` before it",
    "launch -np 2 train --epochs 5": "did you mean `caps-hvd launch -- caps-hvd train --epochs 5`?",
    "launch python x -np 2": "-np: stands behind the program's name, so that the program gets it",
    "launch python x -H a": "put it before: `caps-hvd launch -H ... -- python ...`",
    "launch -n 2 -- true": "-n: no such option; did you mean -np?",
    "launch --np 2 -- true": "--np: no such option; did you mean -np?",
    "launch -np 2 --epochs 5": "but of `caps-hvd train` and of `caps-hvd schedule`; what the prog",
    "evaluate": "RUN: expected the folder of a run, which training names at its end; ",
    "classify x": "paths from a pipe; `caps-hvd classify RUN IMAGES...`, and `--help` says more",
    "classify": "RUN: expected the folder of a run, which training names at its end; ",
    "evaluate --run-dir x": "--run-dir: no option, but an argument without a name: `caps-hvd",
    "evaluate --run x": "an argument without a name: `caps-hvd evaluate RUN`",
    "evaluate x y": "y: one word too many; `caps-hvd evaluate RUN` takes no more words",
    "perturb x 5": "5: expected an option before it; did you mean --digit 5?",
    "estimate 5": "did you mean --machines 5?",
    "summary --model capsnet": "an argument without a name: `caps-hvd summary MODEL`",
    "sweep": "DEFINITION: expected a TOML file, such as jobs/local.toml",
    "sweep --config a.toml": "an argument without a name: `caps-hvd sweep DEFINITION`",
    "sweep a b": "b: one word too many; `caps-hvd sweep DEFINITION` takes no more words",
    "report": "SWEEP: expected the folder of a sweep, such as sweeps/local",
    "mnist": "mnist: expected a command; did you mean `caps-hvd train --dataset mnist`?",
    "capsnet": "did you mean `caps-hvd train --model capsnet`?",
    "trian": "trian: no such command; did you mean 'train'? `caps-hvd --help` lists the commands",
    "convert mnist a.h5": "no command of `caps-hvd`; did you mean `caps-hvd data convert`?",
    "hosts launch": "launch: no command of `caps-hvd hosts`; did you mean `caps-hvd launch`?",
    "hosts lab": "lab: expected a command of check, list; `caps-hvd hosts --help` lists",
    "hosts list": "FILE: expected a host file, such as hostfiles/lab15",
    "help": "help: no command, but an option: `caps-hvd --help` lists the commands",
    "slurm.sh": "expected a command, received a script; start it with `sbatch slurm.sh`",
    "--epochs 5": "--epochs: an option of `caps-hvd train` and of `caps-hvd schedule`; it stands",
    "--dry-run submit": "it stands behind the command: `caps-hvd submit --dry-run ...`",
}

WRONG_VALUES = {
    "reconstruct x --images 5000": "--images: expected an integer from 1 to 1000, received 5000",
    "reconstruct x --images y": "--images: expected an integer from 1 to 1000, received 'y'",
    "perturb x --digit a": "--digit: expected an integer, received 'a'",
    "predict --images 0": "--images: expected an integer of at least 1, received 0",
    "predict --machines a": "--machines: expected integers of at least 1, such as 1,5,15; "
    "received 'a'",
    "lanes balance --seconds 0 x": "--seconds: expected a number above 0, received 0.0",
    "optimize x --accuracy-at-least y": "--accuracy-at-least: expected a number, received 'y'",
    "reconstruct x --output a.jpg": "--output: expected a file name that ends in .png, received "
    "'a.jpg'",
}


@pytest.mark.parametrize("typed", WRONG_VALUES)
def test_a_wrong_value_says_what_was_expected(typed):
    with pytest.raises(click.UsageError) as caught:
        cli.main(args=typed.split(), prog_name="caps-hvd", standalone_mode=False)
    assert explain(caught.value, cli) == WRONG_VALUES[typed]


@pytest.mark.parametrize("typed", LINES)
def test_a_word_in_the_wrong_place(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lab", "a.py", "lab.sh"):
        (tmp_path / name).write_text("h1\n")
    for name, mark in {"capsnet": "#SBATCH", "pbs": "#PBS", "lsf": "#BSUB"}.items():
        (tmp_path / f"{name}.sh").write_text(f"#!/bin/bash\n{mark} -n 4\n")
    with pytest.raises(click.UsageError) as caught:
        cli.main(args=typed.split(), prog_name="caps-hvd", standalone_mode=False)
    line = explain(caught.value, cli)
    assert LINES[typed] in line
    assert "\n" not in line and "  " not in line


def test_a_program_is_no_mistake(monkeypatch, tmp_path):
    """What a program is given is its own, once the ranks are known."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LSB_MCPU_HOSTS", "a 2")
    for typed in ("launch python x -np 2", "launch -np 2 ./mine --hosts a"):
        with pytest.raises(Exception, match="no launcher on PATH") as caught:
            cli.main(args=typed.split(), prog_name="caps-hvd", standalone_mode=False)
        assert not isinstance(caught.value, Misplaced)


def test_a_value_that_is_wrong_stays_one(monkeypatch):
    with pytest.raises(ConfigError, match="--epochs"):
        cli.main(["train", "--epochs", "many"], prog_name="caps-hvd", standalone_mode=False)
