import pytest


@pytest.fixture(autouse=True)
def no_network_no_cache(monkeypatch, tmp_path_factory):
    """Keeps tests from finding what this machine's user has, and from the network."""
    from caps_hvd.data import download

    def refuse(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
    monkeypatch.delenv("CAPS_HVD_DATA_DIR", raising=False)
    monkeypatch.setattr(download.urllib.request, "urlopen", refuse)
