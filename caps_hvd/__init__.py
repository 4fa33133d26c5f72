"""Capsule networks, trained on a cluster: Keras 3 models and routing ops on Horovod.

Importing this package imports neither Keras nor Horovod, so that the command line answers at once
and job scripts can be rendered on a login node. What `__all__` lists is public and stays; the
rooms among it are loaded on first use.
"""

import importlib

__version__ = "0.1.0"

_ROOMS = ("distributed", "layers", "models", "ops")
_HOME = {
    "CapsHvdError": "caps_hvd.errors",
    "Network": "caps_hvd.inspection.network",
    "PICTURE_SUFFIXES": "caps_hvd.data.readers.picture",
    "Predictions": "caps_hvd.inspection.network",
    "TrainConfig": "caps_hvd.config.train_config",
    "prepare": "caps_hvd.data.readers.picture",
    "read_picture": "caps_hvd.data.readers.picture",
}

__all__ = ["__version__", "load", *sorted(_HOME), *_ROOMS]


def load(run):
    """Loads the network of a run, with its class names and the preparation of its images.

    Args:
        run: run directory. A model of one's own is built by the copy of its file that lies there:
            load runs of people whom you trust.

    Returns:
        A `Network`.

    Raises:
        CapsHvdError: the folder is no run directory, or its weights cannot be used; the message
            has one line.

    Example:
        >>> network = caps_hvd.load("runs/digits")
        >>> network.class_names[network.classify(["three.png"]).classes[0]]
        '3'
    """
    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd.inspection.network import load_network

    return load_network(run)


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"caps_hvd.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOME[name] == "caps_hvd.inspection.network":
        from caps_hvd.system.backend import start_keras

        start_keras()
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__():
    return __all__
