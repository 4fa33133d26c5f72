"""Starting Keras: quietly, and with one line where it cannot be."""

import os

from caps_hvd.errors import SetupError
from caps_hvd.system.quiet import import_tensorflow_quietly


def keras_backend() -> str:
    """The Keras backend that this process was told to use."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def start_keras() -> None:
    """Loads Keras and its backend, which takes seconds; call it before any import of `keras`.

    Raises:
        SetupError: the backend is not installed.
    """
    try:
        if keras_backend() == "tensorflow":
            import_tensorflow_quietly()
        import keras  # noqa: F401
    except ImportError as error:
        raise SetupError(
            f"KERAS_BACKEND={keras_backend()} cannot be loaded: {error}; run `make setup`, or "
            "choose a backend that is installed with KERAS_BACKEND=tensorflow or jax"
        ) from error


def jit_compile() -> bool:
    """Whether models are compiled as a whole.

    Not under TensorFlow: XLA makes its CPU kernels slower here, and Horovod's collectives cannot
    be part of an XLA program. JAX is nothing without it.
    """
    return keras_backend() == "jax"
