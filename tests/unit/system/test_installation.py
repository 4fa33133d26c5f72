"""What to run for what is missing, from a checkout and from a wheel."""

import sys

import pytest

from caps_hvd.system import backend, installation


@pytest.fixture
def wheel(monkeypatch):
    """The package as pip has installed it."""
    monkeypatch.setattr(installation, "is_checkout", lambda: False)
    monkeypatch.setattr(sys, "executable", "/my env/bin/python")


def test_a_checkout_is_set_up_by_make():
    assert installation.is_checkout()
    for extra in ("", "cpu", "jax", "distributed"):
        assert installation.advice(extra) == "run `make setup`"
    assert installation.advice("torch").endswith('-m pip install "caps_hvd[torch]"`')
    assert "scripts/in_env" in installation.launcher_advice()
    assert "make setup" in installation.remedy() and "make setup" in installation.elsewhere()


def test_a_wheel_by_pip(wheel):
    assert installation.advice() == "run `'/my env/bin/python' -m pip install \"caps_hvd\"`"
    assert '"caps_hvd[cpu]"' in installation.advice("cpu")
    assert installation.remedy() == installation.advice()
    for words in (installation.advice("cpu"), installation.remedy(), installation.elsewhere()):
        assert "make" not in words


def test_horovod_needs_a_checkout(wheel):
    assert "run `make setup` in a checkout" in installation.advice("distributed")


def test_a_launcher_beside_the_python(wheel, monkeypatch):
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: None)
    assert installation.launcher_advice().startswith("several ranks need Horovod and an MPI: pip")
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: name)
    assert installation.launcher_advice() == f"put {sys.prefix}/bin first on PATH"


@pytest.mark.parametrize(
    "installed, expected",
    [
        ({"tensorflow", "torch", "jax"}, "tensorflow"),
        ({"torch", "jax"}, "torch"),
        ({"jax"}, "jax"),
        (set(), "tensorflow"),
    ],
)
def test_the_backend_is_one_that_is_installed(monkeypatch, installed, expected):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(
        backend.importlib.util, "find_spec", lambda name: name if name in installed else None
    )
    backend._installed_backend.cache_clear()
    try:
        assert backend.keras_backend() == expected
    finally:
        backend._installed_backend.cache_clear()
