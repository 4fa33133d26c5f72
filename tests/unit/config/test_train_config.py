"""Configurations: types, ranges, files, and errors that say what to do."""

import ast
import dataclasses
from pathlib import Path

import pytest

from caps_hvd.config import file, train_config
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io.options import GROUPS, option, option_of, parse, value_type
from caps_hvd.lanes.lane import Lane
from caps_hvd.training import run_directory

FIELDS = {field.name: field for field in train_config.fields()}


def _error(call, *arguments, **keywords) -> str:
    with pytest.raises(ConfigError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_are_those_of_the_paper():
    default = TrainConfig()
    assert (default.model, default.routing_iterations, default.reconstruction_weight) == (
        "capsnet",
        3,
        0.0005,
    )
    assert (default.dataset, default.batch_size, default.optimizer) == ("digits", 100, "adam")


def test_a_config_comes_back_from_its_toml(tmp_path):
    path = tmp_path / "config.toml"
    for changes in (
        {},
        {"threads": 3, "train_samples": 7, "routing_memory_mib": 0.5, "augment": True},
        {"lane_list": ("mlcn1, width 2, depth 3", "mlcn2, width 1, depth 1")},
        {"data_dir": 'odd "folder" \\ äöü', "epochs": 1, "learning_rate": 1e-7},
    ):
        written = TrainConfig(**changes)
        path.write_text(written.to_toml(), encoding="utf-8")
        assert file.load(path) == written


def test_what_belongs_to_an_invocation_is_not_written():
    text = TrainConfig(run_dir="runs/a", resume=True).to_toml()
    assert "run_dir" not in text and "resume" not in text


def test_overrides_win_over_the_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("epochs = 3\nbatch_size = 8\n")
    loaded = file.load(path, {"batch_size": 16})
    assert (loaded.epochs, loaded.batch_size, loaded.seed) == (3, 16, 0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": 0}, ["batch_size", "at least 1", "images per rank", "0"]),
        ({"batch_size": 2.5}, ["an integer", "2.5"]),
        ({"batch_size": True}, ["an integer", "True"]),
        ({"epochs": "3"}, ["an integer", "'3'"]),
        ({"learning_rate": 0}, ["above 0"]),
        ({"learning_rate": float("nan")}, ["nan"]),
        ({"learning_rate": float("inf")}, ["inf"]),
        ({"max_rotation_degrees": 181}, ["from 0 to 180", "degrees"]),
        ({"augment": 1}, ["true or false"]),
        ({"precision": "float8"}, ["float32, bfloat16, float16", "did you mean"]),
        ({"dataset": ""}, ["dataset", "text"]),
        (
            {"model": "capsnte"},
            [
                "model: expected one of capsnet, alexcapsnet, rescapsnet, "
                "efficient_capsnet, lenet5, mlcn or FILE.py:FUNCTION",
                "did you mean 'capsnet'?",
            ],
        ),
        ({"seed": -1}, ["seed"]),
        ({"lanes": 0}, ["lanes", "from 1 to 1024", "received 0"]),
        ({"lane_list": "mlcn1, width 2"}, ["lane_list", "a list", "or none", "received 'mlcn1,"]),
        ({"lane_list": []}, ["lane_list", "at least one lane"]),
        (
            {"lane_list": ["mlcn1, width 2", 3]},
            ["lane_list: lane 1: expected a text", "received 3"],
        ),
        ({"lane_list": ["mlcn3, width 2"]}, ["lane_list: lane 0 (mlcn3, width 2): type:", "mlcn1"]),
        ({"batchsize": 3}, ["unknown", "'batch_size'? docs/training.md lists the keys"]),
        ({"zzz": 3}, ["zzz", "the keys are", "tensorboard"]),
    ],
)
def test_wrong_values_and_keys(values, words):
    message = _error(file.load, overrides=values)
    for word in words:
        assert word in message


def test_a_dataclass_made_by_hand_is_checked_too():
    assert "batch_size" in _error(TrainConfig, batch_size=0)
    assert TrainConfig(learning_rate=1).learning_rate == 1.0
    assert "epochs" in _error(dataclasses.replace, TrainConfig(), epochs=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 2\n\nbatch_size = 0\n", ["a.toml: line 3: batch_size", "received 0"]),
        ("# x\nbatchsize = 2\n", ["a.toml: line 2: batchsize", "did you mean 'batch_size'"]),
        ("epochs = \n", ["a.toml", "not a TOML file", "line 1"]),
        ("[train]\nepochs = 2\n", ["a.toml: line 1: train", "unknown key"]),
    ],
)
def test_errors_name_the_file_and_the_line(tmp_path, text, words):
    path = tmp_path / "a.toml"
    path.write_text(text)
    message = _error(file.load, path)
    for word in words:
        assert word in message


def test_files_that_cannot_be_read(tmp_path):
    assert "No such file" in _error(file.load, tmp_path / "none.toml")
    assert "directory" in _error(file.load, tmp_path)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    assert "not a TOML file" in _error(file.load, tmp_path / "b.toml")


def test_words_that_stand_for_none():
    assert parse(FIELDS["threads"], "auto") is None
    assert parse(FIELDS["train_samples"], "all") is None
    assert "--threads" in _error(parse, FIELDS["threads"], "all")
    assert "auto" in _error(parse, FIELDS["threads"], "0")


def test_lanes_come_from_a_file_on_the_command_line(tmp_path):
    path = tmp_path / "lanes.toml"
    path.write_text('[[lane]]\ntype = "mlcn2"\nwidth = 4\ncount = 2\n')
    read = parse(FIELDS["lane_list"], str(path))
    assert read == (Lane("mlcn2", width=4, depth=1),) * 2
    assert TrainConfig(lane_list=["mlcn2, width 4"] * 2).lane_list == read
    assert parse(FIELDS["lane_list"], "none") is None
    assert "nothing.toml: cannot read" in _error(parse, FIELDS["lane_list"], "nothing.toml")


def test_a_resumed_run_brings_its_own_config(tmp_path):
    (tmp_path / "config.toml").write_text(TrainConfig(batch_size=7, epochs=2).to_toml())
    loaded = file.load(overrides={"resume": True, "run_dir": str(tmp_path), "epochs": 4})
    assert (loaded.batch_size, loaded.epochs) == (7, 4)
    assert file.load(overrides={"run_dir": str(tmp_path)}).batch_size == 100


def test_the_digest_follows_what_decides_a_result():
    same = TrainConfig(epochs=99, threads=1, run_dir="x", resume=True, tensorboard=True)
    assert same.digest() == TrainConfig().digest()
    for changes in ({"batch_size": 99}, {"seed": 1}, {"precision": "bfloat16"}):
        assert TrainConfig(**changes).digest() != TrainConfig().digest()


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_describes_itself(name):
    option = option_of(FIELDS[name])
    kind, optional = value_type(FIELDS[name])
    assert option.help.endswith(".") and option.group in GROUPS
    assert kind in (int, float, str, bool, tuple)
    assert optional or FIELDS[name].default is not None
    assert option.choices is None or FIELDS[name].default in (None, *option.choices)


def test_config_needs_neither_keras_nor_horovod():
    for module in (
        "config/train_config",
        "config/file",
        "io/options",
        "io/atomic",
        "training/checkpoint",
        "training/run_directory",
    ):
        tree = ast.parse(
            Path(train_config.__file__).parents[1].joinpath(f"{module}.py").read_text()
        )
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module] if isinstance(node, ast.ImportFrom) else
                         [alias.name for alias in node.names])
        }  # fmt: skip
        assert not imported & {"keras", "tensorflow", "horovod", "mpi4py"}, module


def test_options_of_a_policy_that_no_data_set_would_make_fit():
    with pytest.raises(ConfigError, match="warmadabatch needs 4 epochs"):
        TrainConfig(policy="warmadabatch", epochs=2)
    with pytest.raises(ConfigError, match="batch_exponent: expected an integer from 0 to 30"):
        TrainConfig(batch_exponent=99999)


@pytest.mark.parametrize(
    ("values", "digest"),
    [
        ({}, "b633ee07896359ed2de87640e6675619b6f5fd7778cccef277b68468b3880095"),
        (
            {"model": "lenet5", "dataset": "mnist", "batch_size": 128},
            "49047853bed5849be258ed2e1c0de697d9b2f9a447050a2a075065ee0a0de062",
        ),
        (
            {
                "model": "mlcn",
                "lane_list": ["mlcn1, width 2, depth 3", "mlcn2, width 1, depth 1"],
                "lane_routing": "classes",
                "routing_iterations": 2,
            },
            "6ccca99917cebf265cf5d57179cae4f58f353283db78e666d03bd36e7271349f",
        ),
        (
            {
                "model": "mlcn",
                "lanes": 8,
                "lane_dropout": 0.1,
                "lane_groups": None,
                "decoder": "small",
            },
            "193eeaf6ddfcfd6de7793eb0b507fea83fdc02f9856ab578e821e1502da502ad",
        ),
        (
            {"policy": "warmadabatch", "epochs": 30, "learning_rate": 1, "growth": "double"},
            "70c81f515839e34897116cd0fb6384220b1637566eb5683e2dfaafd7aae39727",
        ),
        (
            {"policy": "one-cycle", "epochs": 12, "seed": 7, "threads": 2, "run_dir": "runs/a"},
            "b70d7a54e650fe9d198d4cab8a219499851500fd449b19b27316242b1decf9e1",
        ),
    ],
)
def test_checkpoints_of_earlier_versions_know_their_configuration(values, digest):
    """A checkpoint has the digest that the version that wrote it computed."""
    before_added = {"convolution": "direct", "initialization": "published"}
    assert TrainConfig(**values, **before_added).digest() == digest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extended(TrainConfig):
    """A configuration with an option that runs until now did not have, and did without."""

    clip_norm: float | None = option(
        1.0, "Norm.", "Training", above=0, none="none", value_before_added=None
    )


def test_an_option_added_later_leaves_the_digest_of_earlier_runs():
    assert Extended(clip_norm=None).digest() == TrainConfig().digest()
    assert len({Extended(clip_norm=norm).digest() for norm in (None, 1.0, 2.0)}) == 3
    assert Extended().deciding_names() == [*TrainConfig().deciding_names(), "clip_norm"]


def test_a_run_begun_before_an_option_was_added(tmp_path, monkeypatch):
    for module in (file, run_directory):
        monkeypatch.setattr(module, "TrainConfig", Extended)
    (tmp_path / "config.toml").write_text(TrainConfig(epochs=2).to_toml())
    directory = run_directory.RunDirectory.at(tmp_path)
    assert run_directory.read_config(directory) == Extended(epochs=2, clip_norm=None)
    resumed = {"resume": True, "run_dir": str(tmp_path)}
    assert file.load(overrides=resumed).clip_norm is None
    assert run_directory.examine(directory, file.load(overrides=resumed)) is None
    other = file.load(overrides={**resumed, "clip_norm": 2.0})
    with pytest.raises(RunError, match=r"--clip-norm \(the run has None, received 2.0\)"):
        run_directory.examine(directory, other)
    assert file.load(tmp_path / "config.toml").clip_norm == 1.0  # of a new run, as its file says


def test_people_read_the_sections_one_after_the_other():
    groups = [option_of(field).group for field in train_config.fields()]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups == sorted(groups, key=GROUPS.index)
    assert next(iter(FIELDS)) == "model"


@pytest.mark.parametrize(
    ("model", "decoder"),
    [("capsnet", "full"), ("mlcn", "full"), ("efficient_capsnet", "full"), ("lenet5", "full"),
     ("mine.py:build", "full"), ("alexcapsnet", "none"), ("rescapsnet", "none")],
)  # fmt: skip
def test_the_decoder_is_that_of_the_paper_and_written_down(model, decoder):
    config = TrainConfig(model=model)
    assert config.decoder == decoder
    assert config.digest() == TrainConfig(model=model, decoder=decoder).digest()
    assert f'decoder = "{decoder}"' in config.to_toml()


def test_a_decoder_that_is_asked_for_wins_over_the_papers():
    assert TrainConfig(model="alexcapsnet", decoder="small").model_options().decoder == "small"
    # without capsules "full" is what configurations have said from the start
    assert TrainConfig(model="lenet5", decoder="full").model_options()
