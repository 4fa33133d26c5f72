"""Formats that a network can be exported in, checked without loading Keras."""

import importlib.util

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.system.installation import advice

METADATA = "caps_hvd"
# Format -> name of its file in the run directory; that of SavedModel is a folder.
FORMATS = {"keras": "network.keras", "saved-model": "network_saved_model", "onnx": "network.onnx"}
# The values that are black and white.
INPUT_RANGES = {"0-255": (0, 255), "0-1": (0, 1)}
OUTPUTS = ("scores", "reconstruction", "capsules")
_CONVERTERS = ("onnx", "tf2onnx")


def check_format(kind: str) -> None:
    """Refuses a format that cannot be written here.

    Args:
        kind: one of `FORMATS`.

    Raises:
        ConfigError: this Keras backend cannot write it.
        SetupError: the package that writes it is not installed.
    """
    if kind == "keras":
        return
    from caps_hvd.system.backend import keras_backend  # loads psutil, and `--help` needs this file

    if keras_backend() != "tensorflow":
        raise ConfigError(
            f"--format: expected keras under KERAS_BACKEND={keras_backend()}, received {kind!r}; "
            "export with KERAS_BACKEND=tensorflow, which reads the run as well"
        )
    missing = [name for name in _CONVERTERS if importlib.util.find_spec(name) is None]
    if kind == "onnx" and missing:
        raise SetupError(
            f"--format onnx: expected {' and '.join(missing)}, which write it, to be installed; "
            f"{advice('onnx')}, or take --format saved-model"
        )
