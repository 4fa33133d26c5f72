"""Definitions of sweeps: read as written; a mistake is one line that names line and remedy."""

from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.io.toml import line_of
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.definition import Axis, AxisValue, SlurmTable

WHOLE = """\
# a comment
name = "lab"
machine_counts = [1, 5]
ranks_per_machine = "slots"
repetitions = 3
launcher = "slurm"
at_once = 2
scaling = "weak"
interface = "eth0"
time_minutes = 2.5

[train]
dataset = "mnist"
threads = "auto"

[axes]
batch_size = [50, 100]
device = ["cpu", "auto"]

[axes.policy]
fixed = { learning_rate = 1, warmup_epochs = 0 }
"slow start" = { warmup_epochs = 2.5 }

[slurm]
mode = "array"
directives = ["--exclusive"]
"""


def test_a_whole_definition():
    read = definition_file.parse(WHOLE, "jobs/lab.toml")
    assert (read.name, read.machine_counts, read.ranks_per_machine) == ("lab", (1, 5), None)
    assert (read.repetitions, read.launcher, read.scaling) == (3, "slurm", "weak")
    assert (read.at_once, read.interface, read.time_minutes) == (2, "eth0", 2.5)
    assert read.train == {"dataset": "mnist", "threads": None}
    assert read.axes == (
        Axis(
            "batch_size", (AxisValue(50, {"batch_size": 50}), AxisValue(100, {"batch_size": 100}))
        ),
        Axis(
            "device", (AxisValue("cpu", {"device": "cpu"}), AxisValue("auto", {"device": "auto"}))
        ),
        Axis(
            "policy",
            (
                AxisValue("fixed", {"learning_rate": 1.0, "warmup_epochs": 0.0}),
                AxisValue("slow start", {"warmup_epochs": 2.5}),
            ),
        ),
    )
    assert read.slurm == SlurmTable(mode="array", directives=("--exclusive",))
    assert (read.path, read.text) == (Path("jobs/lab.toml"), WHOLE)


def test_an_empty_definition_is_one_run_named_after_its_file():
    read = definition_file.parse("", "some/where/small.toml")
    assert (read.name, read.machine_counts, read.repetitions) == ("small", (1,), 1)
    assert (read.train, read.axes) == ({}, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("machine_count = [1]", ["line 1: machine_count: unknown key", "'machine_counts'"]),
        ("\n\nbatch_size = 5", ["line 3: batch_size", "put it below [train]"]),
        ("machine_counts = 5", ["line 1", "a list of integers of at least 1", "received 5"]),
        ("machine_counts = []", ["a list of integers", "received []"]),
        ("machine_counts = [1, 0]", ["an integer of at least 1", "received 0"]),
        ("machine_counts = [1, 5, 1]", ["1 is there twice", "keep one"]),
        ('machine_counts = ["1"]', ["received '1'"]),
        ("repetitions = 0", ["line 1: repetitions", "at least 1"]),
        (
            "[train]\nepochs = 5\n[axes]\nepochs = [1, 2]",
            ["line 4: axes.epochs: it sets epochs in every point", "line 2: train.epochs counts"],
        ),
        (
            "[axes]\nepochs = [1, 2]\n[axes.pace]\nfast = { epochs = 3 }\nslow = { epochs = 4 }",
            ["line 3: axes.pace: it sets epochs in every point", "line 2: axes.epochs counts"],
        ),
        (
            'device = "cpu"\n[axes]\ndevice = ["cpu", "auto"]',
            ["line 3: axes.device: it sets device", "line 1: device counts for none"],
        ),
        ('launcher = "mpiexec"', ["line 1: launcher", "one of auto, local, mpirun", "slurm"]),
        ('launcher = "slurm"\nhostfile = "a"', ["line 2: hostfile", "Slurm chooses"]),
        ('scaling = "stong"', ["weak, strong", "did you mean 'strong'?"]),
        ('name = "../up"', ["line 1: name", "a folder's name", "'../up'"]),
        ("train = 3", ["line 1: train", "write [train]"]),
        ("[train]\nepoch = 3", ["line 2: train.epoch", "did you mean 'epochs'?"]),
        ("[train]\nepochs = 0", ["line 2: train.epochs", "at least 1", "received 0"]),
        ('[train]\nrun_dir = "a"', ["line 2: train.run_dir", "remove the line"]),
        ("[axes]\nmachines = [1]", ["line 2: axes.machines", "use machine_counts"]),
        ("[axes]\nrepetition = [1]", ["use repetitions"]),
        ("[axes]\nbatchsize = [1]", ["line 2: axes.batchsize", "'batch_size'"]),
        ('[axes]\nbatch_size = [50, "a"]', ["line 2: axes.batch_size", "'a'"]),
        ("[axes]\nbatch_size = [\n 50,\n 50,\n]", ["line 2: axes.batch_size", "50 is there twice"]),
        ("[axes]\nbatch_size = []", ["line 2", "at least one value"]),
        ("[axes]\nbatch_size = 50", ["line 2", "a list of values, or a table", "received 50"]),
        ("[axes.rate]\nfast = 3", ["line 2: axes.rate.fast", "in braces", "received 3"]),
        ("[axes.rate]\na = {}\nb = { learning_rat = 1 }", ["line 3: axes.rate.b.learning_rat"]),
        ("[axes.rate]\nb = { learning_rate = 0 }", ["line 2", "above 0", "received 0.0"]),
        ("[axes.rate]", ["line 1: axes.rate", "at least one value"]),
        ('[slurm]\nmode = "aray"', ["line 2: slurm.mode", "did you mean 'array'?"]),
        ("[slurm]\npartitoin = 'a'", ["line 2: slurm.partitoin", "'partition'"]),
        ("[slurm]\nat_once = 2", ["line 2: slurm.at_once: unknown key", "above the first table"]),
        ("[slurm]\nqos = 'a'", ["line 1: slurm", 'launcher = "auto"', "change the launcher"]),
        ("partition = 'a'", ["line 1: partition: unknown key", "put it below [slurm]"]),
        ("[slurm]\ndirectives = '--exclusive'", ["line 2", "a list of texts"]),
        ("name = ", ["not a TOML file", "line 1"]),
        ("name = 'a'\nname = 'b'", ["not a TOML file", "line 2"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_line(text, words):
    with pytest.raises(ConfigError) as caught:
        definition_file.parse(text, "jobs/lab.toml")
    message = str(caught.value)
    assert message.startswith("jobs/lab.toml: ") and "\n" not in message
    for word in words:
        assert word in message


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the sweep's definition: No such file"):
        definition_file.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a TOML file"):
        definition_file.read(tmp_path / "binary.toml")


def test_a_bundle_may_take_the_place_of_a_value_for_some_points():
    text = "[train]\nepochs = 5\n[axes.pace]\nas_usual = {}\nfast = { epochs = 3 }"
    as_usual, fast = definition_file.parse(text).axes[0].values
    assert (as_usual.options, fast.options) == ({}, {"epochs": 3})


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("machine_counts",), 3),
        (("train",), 12),
        (("train", "threads"), 14),
        (("axes", "batch_size"), 17),
        (("axes", "policy"), 20),
        (("axes", "policy", "slow start"), 22),
        (("axes", "policy", "slow start", "warmup_epochs"), 22),  # inside braces: the key's line
        (("slurm", "directives"), 26),
        (("nowhere",), 0),
    ],
)  # fmt: skip
def test_lines_of_keys(path, line):
    assert line_of(WHOLE, path) == line
