"""oneDNN: where TensorFlow leaves it off, what the user has set, and who is told."""

import importlib.util
import os
import subprocess
import sys
import types

import pytest

from caps_hvd.system.backend import ONEDNN, keras_backend, missed_onednn, onednn_is_on

AVX2, AVX512 = frozenset({"avx2", "fma"}), frozenset({"avx2", "fma", "avx512_vnni"})


@pytest.mark.parametrize(
    ("environ", "features", "expected"),
    [
        ({}, AVX2, False),
        ({}, AVX512, True),
        ({ONEDNN: "1"}, AVX2, True),
        ({ONEDNN: "0"}, AVX512, False),
        ({ONEDNN: ""}, AVX512, True),
    ],
)
def test_onednn_is_on(environ, features, expected):
    assert onednn_is_on(environ, features) is expected


def test_who_loaded_tensorflow_without_onednn_is_told_what_to_export(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    assert f"export {ONEDNN}=1" in missed_onednn({}, AVX2)


@pytest.mark.parametrize(
    ("environ", "features"), [({}, AVX512), ({ONEDNN: "0"}, AVX2), ({ONEDNN: "1"}, AVX2)]
)
def test_nobody_else_is(monkeypatch, environ, features):
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    assert missed_onednn(environ, features) == ""


def test_nor_where_tensorflow_is_not_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert missed_onednn({}, AVX2) == ""


def test_the_backend_is_the_environments_or_the_one_that_is_loaded(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert keras_backend() == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    loaded = types.SimpleNamespace(backend=types.SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", loaded)
    assert keras_backend() == "torch"
    monkeypatch.delitem(sys.modules, "keras")
    assert keras_backend() == "tensorflow"


@pytest.mark.parametrize("backend", ["pytorch", ""])
def test_kerass_own_file_does_not_choose_the_backend(tmp_path, backend):
    """A backend that Keras does not know ends in one line, and without one it is TensorFlow."""
    (tmp_path / "keras.json").write_text('{"backend": "no backend"}')
    ended = subprocess.run(
        [sys.executable, "-c", "from caps_hvd.system.backend import start_keras; start_keras()"],
        env=os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=100,
    )
    line = ended.stderr.strip().splitlines()[-1:] or [""]
    expected = f"KERAS_BACKEND={backend or 'tensorflow'} cannot be loaded"
    if backend or not importlib.util.find_spec("tensorflow"):
        assert expected in line[0]
    else:
        assert ended.returncode == 0, ended.stderr
