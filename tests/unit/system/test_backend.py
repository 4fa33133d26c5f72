"""oneDNN: where TensorFlow leaves it off, what the user has set, and who is told."""

import sys

import pytest

from caps_hvd.system.backend import ONEDNN, missed_onednn, onednn_is_on

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
