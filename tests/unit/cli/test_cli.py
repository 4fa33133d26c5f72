"""The command line in a process of its own: what it prints, how it ends, how fast it answers."""

import os
import re
import resource
import subprocess
import sys

import pytest

from caps_hvd import __version__
from caps_hvd.cli import cli
from caps_hvd.config import train_config
from caps_hvd.io.options import flag


def _run(*arguments, module="caps_hvd.cli", **environment):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def _seconds_of_children() -> float:
    """Of their processors, which other programs on the machine do not add to."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _error_line(*arguments, **keywords) -> str:
    ended = _run(*arguments, **keywords)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("caps_hvd: error: ") and ended.stderr.count("\n") == 1
    return ended.stderr


def test_help_lists_every_field_of_the_config():
    text = _run("train", "--help").stdout
    for field in train_config.fields():
        assert f"{flag(field.name)} " in text
    listing = _run("--help").stdout
    listed = set(re.findall(r"^  ([a-z][a-z-]+) ", listing, re.MULTILINE))
    assert listed == {name for name, command in cli.commands.items() if not command.hidden}
    assert __version__ in _run("--version").stdout


def test_the_module_and_the_command_are_one_program():
    assert _run("--epochs", "0", module="caps_hvd.train").returncode == 2
    module, command = _run("--help", module="caps_hvd.train"), _run("train", "--help")
    assert module.stdout == command.stdout


def test_help_answers_without_loading_keras():
    script = (
        "import sys; from caps_hvd.cli import cli\n"
        "try: cli(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'keras', 'tensorflow', 'horovod', 'numpy', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    before = _seconds_of_children()
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert _seconds_of_children() - before < 3  # 0.2 s on a machine of its own


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--batchsize", "3"], ["--batchsize", "did you mean --batch-size?"]),
        (["train", "--batch-size", "0"], ["--batch-size: expected an integer of at least 1"]),
        (["train", "--epochs", "many"], ["--epochs", "'many'"]),
        (["train", "--epochs"], ["--epochs", "argument"]),
        (["train", "--preset", "smal"], ["--preset", "did you mean 'small'?"]),
        (["train", "--config", "no.toml"], ["no.toml", "No such file"]),
        (["train", "extra"], ["extra"]),
        (["trian"], ["trian", "; did you mean 'train'? `caps-hvd --help` lists the commands"]),
        (["schedule", "warmadabach"], ["POLICY: expected", "did you mean 'warmadabatch'?"]),
        (["schedule", "fixed", "--plot", "a.jpgx"], ["--plot", "ends in .png", "'a.jpgx'"]),
        (["perturb"], ["RUN"]),
        (["evaluate", "no/such/run"], ["no/such/run", "run directory"]),
        (["summary", "capsnet", "--image-shape", "28x28"], ["--image-shape", "28x28x1"]),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_end_with_2(arguments, words):
    line = _error_line(*arguments)
    for word in words:
        assert word in line


@pytest.mark.slow
def test_a_rank_that_ends_first_speaks_with_its_number():
    """Rank 0 would end it while it waits to be; here there is none."""
    for variables in (
        {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"},
        {"HOROVOD_RANK": "1", "HOROVOD_SIZE": "2"},
    ):
        ended = _run("train", "--batch-size", "0", **variables)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith("caps_hvd: error: rank 1: --batch-size: expected")


def test_summary_of_the_paper_network():
    text = _run("summary", "capsnet").stdout
    assert "8,215,568" in text
    assert re.search(r"class_capsules\s+10 x 16\s+1,474,560", text)
