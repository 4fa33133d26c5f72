"""The name of a model of one's own, and the file that it means, found without running it."""

import hashlib

import pytest

from caps_hvd.config import own_model
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError


def test_names():
    assert own_model.parse("nets/my_net.py:build") == ("nets/my_net.py", "build")
    assert own_model.parse("package.module:build") == ("package.module", "build")
    assert own_model.short_name("a:b/my_net.py:build") == "my_net"
    assert own_model.short_name("package.module:build") == "module"
    assert own_model.short_name("capsnet") == "capsnet"


@pytest.mark.parametrize(
    "name", ["net.py:", ":build", "nets/net.txt:build", "a-b:build", "net.py:1"]
)
def test_other_forms_are_refused(name):
    with pytest.raises(ConfigError, match="my_net.py:build") as error:
        TrainConfig(model=name)
    assert str(error.value).startswith("model: ") and repr(name) in str(error.value)


def test_the_digest_of_the_file_counts():
    mine = TrainConfig(model="net.py:build")
    digests = {
        TrainConfig(model="net.py:build", model_sha256=digit * 64).digest() for digit in "ab"
    }
    assert len(digests | {mine.digest()}) == 3
    with pytest.raises(ConfigError, match="model_sha256: expected 64 hexadecimal digits"):
        TrainConfig(model_sha256="abc")


def test_the_file_is_read_and_its_digest_compared(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("raise ValueError('nobody runs it')")
    found = own_model.read(f"{path}:build")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert own_model.read(f"{path}:build", found.sha256) == found
    path.write_text("changed")
    with pytest.raises(ConfigError, match=rf"{path} as it was when the run began, SHA-256"):
        own_model.read(f"{path}:build", found.sha256)
    path.unlink()
    with pytest.raises(ConfigError, match=rf"{path}.*No such file"):
        own_model.read(f"{path}:build")


def test_a_module_is_found_without_importing_its_package(tmp_path, monkeypatch):
    inside = tmp_path / "a_package" / "nets"
    inside.mkdir(parents=True)
    for folder in (inside.parent, inside):
        (folder / "__init__.py").write_text("raise ValueError('nobody imports it')")
    (inside / "one.py").write_text("def build(): pass")
    monkeypatch.syspath_prepend(tmp_path)
    found = own_model.read("a_package.nets.one:build")
    assert (found.path, found.module) == (inside / "one.py", "a_package.nets.one")
    for name in ("a_package.nets.two:build", "no_such_package.one:build", "a_package.no.one:build"):
        with pytest.raises(ConfigError, match="an installed module"):
            own_model.read(name)


def test_options_of_other_models_are_refused():
    with pytest.raises(ConfigError, match="preset: expected 'auto', since model net.py:build"):
        TrainConfig(model="net.py:build", preset="small").model_options()
